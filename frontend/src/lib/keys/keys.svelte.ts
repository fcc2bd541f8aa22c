import type { Api } from '../api/api';
import { type Problem, asProblem } from '../api/problem';
import type { ApiKey, KeyTerms } from '../api/types';

/** The server's API keys, for those who may manage them. */
export class KeysView {
  keys = $state.raw<ApiKey[] | null>(null);
  problem = $state.raw<Problem | null>(null);
  /** The key that was just made, while it is shown. */
  secret = $state.raw('');
  busy = $state(false);
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
  }

  load(): Promise<boolean> {
    return this.#do(async () => {});
  }

  make(terms: KeyTerms): Promise<boolean> {
    return this.#do(async () => {
      this.secret = (await this.#api.createKey(terms)).key;
    });
  }

  revoke(key: ApiKey): Promise<boolean> {
    return this.#do(() => this.#api.revokeKey(key.id));
  }

  /** @returns Whether it is done. */
  async #do(act: () => Promise<void>): Promise<boolean> {
    this.busy = true;
    this.problem = null;
    try {
      await act();
      this.keys = await this.#api.keys();
      return true;
    } catch (error) {
      this.problem = asProblem(error);
      return false;
    } finally {
      this.busy = false;
    }
  }
}
