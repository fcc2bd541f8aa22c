import type { Api, JobQuery } from '../api/api';
import { type Problem, asProblem } from '../api/problem';
import type { ListedJob } from '../api/types';

/** The list of jobs as far as it was asked for. */
export class JobPages {
  /** Null until the first answer. */
  jobs = $state.raw<ListedJob[] | null>(null);
  next = $state.raw<string | null>(null);
  problem = $state.raw<Problem | null>(null);
  readonly #api: Api;
  /** How many changes were sent: an answer that was under way meanwhile is out of date. */
  #changes = 0;
  #query: JobQuery = { q: '', state: null, starred: false };

  constructor(api: Api) {
    this.#api = api;
  }

  /** Shows the first page of what fits *query*. */
  show(query: JobQuery): Promise<void> {
    this.#query = query;
    return this.again();
  }

  async again(): Promise<void> {
    const query = this.#query;
    const changes = this.#changes;
    await this.#try(async () => {
      const page = await this.#api.jobs(query);
      // An answer to an older question may come after a newer one was asked.
      if (query !== this.#query) return;
      if (changes !== this.#changes) return this.again();
      this.jobs = page.jobs;
      this.next = page.next ?? null;
    });
  }

  async more(): Promise<void> {
    const query = this.#query;
    await this.#try(async () => {
      const page = await this.#api.jobs({ ...query, cursor: this.next });
      if (query !== this.#query) return;
      this.jobs = [...(this.jobs ?? []), ...page.jobs];
      this.next = page.next ?? null;
    });
  }

  async star(job: ListedJob): Promise<void> {
    await this.#try(async () => {
      this.#changes += 1;
      const { starred } = await this.#api.update(job.id, { starred: !job.starred });
      this.jobs = (this.jobs ?? []).map((one) => (one.id === job.id ? { ...one, starred } : one));
    });
  }

  /** @returns Whether it is gone. */
  async remove(job: ListedJob): Promise<boolean> {
    await this.#try(async () => {
      this.#changes += 1;
      await this.#api.remove(job.id);
      this.jobs = (this.jobs ?? []).filter((one) => one.id !== job.id);
    });
    return this.problem === null;
  }

  async #try(action: () => Promise<void>): Promise<void> {
    this.problem = null;
    try {
      await action();
    } catch (error) {
      this.problem = asProblem(error);
    }
  }
}
