import type { Api } from '../api/api';
import { type Problem, asProblem } from '../api/problem';
import type { Account, Forgotten } from '../api/types';

/** Who the visitor is here, and what they have and may spend. */
export class AccountView {
  /** Null until the first answer. */
  account = $state.raw<Account | null>(null);
  problem = $state.raw<Problem | null>(null);
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
  }

  /** What may still be spent today, in US dollars; null: no limit, or not known. */
  get leftUsd(): number | null {
    const { account } = this;
    if (!account || account.day_budget_usd === null) return null;
    return Math.max(0, account.day_budget_usd - account.day_spent_usd);
  }

  async load(): Promise<void> {
    this.problem = null;
    try {
      this.account = await this.#api.account();
    } catch (error) {
      this.problem = asProblem(error);
    }
  }

  /** Deletes all that the visitor has here; null: it could not be done. */
  async forget(): Promise<Forgotten | null> {
    this.problem = null;
    try {
      return await this.#api.forgetMe();
    } catch (error) {
      this.problem = asProblem(error);
      return null;
    }
  }

  /** @returns Whether it is done. */
  async signOut(): Promise<boolean> {
    this.problem = null;
    try {
      await this.#api.signOut();
      return true;
    } catch (error) {
      this.problem = asProblem(error);
      return false;
    }
  }
}
