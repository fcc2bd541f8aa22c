import { ActingView } from '../acting.svelte.js';
import type { Api } from '../api/api';
import type { ApiKey, KeyTerms } from '../api/types';

/** The server's API keys, for those who may manage them. */
export class KeysView extends ActingView {
  keys = $state.raw<ApiKey[] | null>(null);
  /** The key that was just made, while it is shown. */
  secret = $state.raw('');
  readonly #api: Api;

  constructor(api: Api) {
    super();
    this.#api = api;
  }

  make(terms: KeyTerms): Promise<boolean> {
    return this.act(async () => {
      this.secret = (await this.#api.createKey(terms)).key;
    });
  }

  revoke(key: ApiKey): Promise<boolean> {
    return this.act(() => this.#api.revokeKey(key.id));
  }

  protected async look(): Promise<void> {
    this.keys = await this.#api.keys();
  }
}
