import { ActingView } from '../acting.svelte.js';
import type { AdminApi } from '../api/admin-api';
import { asProblem } from '../api/problem';
import type { AuditEntry, Overview, Purge } from '../api/types';

/** What an operator sees and does. */
export class AdminView extends ActingView {
  /** Null until the first answer. */
  overview = $state.raw<Overview | null>(null);
  entries = $state.raw<AuditEntry[]>([]);
  /** Where the next page of the audit log begins; null: there is none. */
  next = $state.raw<string | null>(null);
  /** How much there is to purge; null: nobody has asked. */
  purgeable = $state.raw<Purge | null>(null);
  readonly #api: AdminApi;

  constructor(api: AdminApi) {
    super();
    this.#api = api;
  }

  stop(reason: string, everything: boolean): Promise<boolean> {
    return this.act(() => this.#api.stopSpending(reason, everything));
  }

  go(): Promise<boolean> {
    return this.act(() => this.#api.allowSpending());
  }

  /** @returns How many jobs; null: it could not be done. */
  async cancelOwner(owner: string): Promise<number | null> {
    let count = 0;
    const done = await this.act(async () => {
      count = (await this.#api.cancelOwner(owner)).jobs.length;
    });
    return done ? count : null;
  }

  findPurge(): Promise<boolean> {
    return this.act(async () => {
      this.purgeable = await this.#api.purge(true);
    });
  }

  /** @returns What was removed; null: it could not be done. */
  async purge(): Promise<Purge | null> {
    let done: Purge | null = null;
    await this.act(async () => {
      done = await this.#api.purge(false);
      this.purgeable = null;
    });
    return done;
  }

  async more(): Promise<void> {
    try {
      const page = await this.#api.audit(this.next);
      this.entries = [...this.entries, ...page.entries];
      this.next = page.next;
    } catch (error) {
      this.problem = asProblem(error);
    }
  }

  protected async look(): Promise<void> {
    const [overview, page] = await Promise.all([this.#api.overview(), this.#api.audit(null)]);
    this.overview = overview;
    this.entries = page.entries;
    this.next = page.next;
  }
}
