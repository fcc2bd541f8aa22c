/** One job as the page shows it: always the latest news, and what can be done about it. */
import type { Api } from '../api/api';
import { type FeedState, JobFeed } from '../api/job-feed';
import { type Problem, asProblem } from '../api/problem';
import type { Item, Job, JobPatch, JobSummary, Resolution } from '../api/types';
import { foldDelta } from './fold';

export class JobWatch {
  job = $state.raw<Job | null>(null);
  feed = $state<FeedState>('connecting');
  gone = $state(false);
  problem = $state.raw<Problem | null>(null);
  /** When the latest news came, on this browser's clock. */
  heardMs = $state(0);
  readonly #api: Api;
  readonly #id: string;
  readonly #feed: JobFeed;

  constructor(api: Api, id: string) {
    this.#api = api;
    this.#id = id;
    this.#feed = new JobFeed(api, id, {
      snapshot: (job) => this.#take(job),
      delta: (summary, items) => this.#fold(summary, items),
      state: (state) => (this.feed = state),
      gone: () => (this.gone = true),
    });
  }

  /** @returns What ends the watch. */
  start(): () => void {
    const wake = (): void => {
      // After a sleep the old connection may be dead without anybody knowing.
      if (document.visibilityState === 'visible' && this.feed !== 'over') this.#feed.start();
    };
    this.#feed.start();
    document.addEventListener('visibilitychange', wake);
    window.addEventListener('online', wake);
    return () => {
      document.removeEventListener('visibilitychange', wake);
      window.removeEventListener('online', wake);
      this.#feed.stop();
    };
  }

  cancel = (): Promise<void> => this.#do(() => this.#api.control(this.#id, 'cancel'));
  pause = (): Promise<void> => this.#do(() => this.#api.control(this.#id, 'pause'));
  resume = (): Promise<void> => this.#do(() => this.#api.control(this.#id, 'resume'));
  retryFailed = (): Promise<void> => this.#do(() => this.#api.control(this.#id, 'retry'));

  cancelItem = (index: number): Promise<void> =>
    this.#do(() => this.#api.controlItem(this.#id, index, 'cancel'));

  retryItem = (index: number): Promise<void> =>
    this.#do(() => this.#api.controlItem(this.#id, index, 'retry'));

  /** Makes several items again, one after the other; stops at the first that cannot be. */
  async retryItems(indexes: readonly number[]): Promise<void> {
    for (const index of indexes) {
      await this.retryItem(index);
      if (this.problem) return;
    }
  }

  resolve = (index: number, resolution: Resolution): Promise<void> =>
    this.#do(() => this.#api.resolve(this.#id, index, resolution));

  update = (patch: JobPatch): Promise<void> => this.#do(() => this.#api.update(this.#id, patch));

  /** @returns Whether it is gone now. */
  async remove(): Promise<boolean> {
    try {
      this.#feed.stop();
      await this.#api.remove(this.#id);
      return true;
    } catch (error) {
      this.#complain(error);
      if (this.feed !== 'over') this.#feed.start();
      return false;
    }
  }

  async #do(action: () => Promise<Job>): Promise<void> {
    this.problem = null;
    try {
      const job = await action();
      this.#take(job);
      if (job.state !== 'finished' && this.feed === 'over') this.#feed.start();
    } catch (error) {
      this.#complain(error);
    }
  }

  #complain(error: unknown): void {
    this.problem = asProblem(error);
  }

  #take(job: Job): void {
    // An answer may be overtaken by events that came while it was on its way.
    if (this.job && job.version < this.job.version) return;
    const known = this.job;
    const items = job.items.map((item, index) => sameOr(item, known?.items[index]));
    this.job = { ...job, items };
    this.heardMs = Date.now();
  }

  #fold(summary: JobSummary, items: Item[]): void {
    if (!this.job) return;
    this.job = foldDelta(this.job, summary, items);
    this.heardMs = Date.now();
  }
}

/** Keeps the known object where nothing changed, so that its card is not drawn again. */
function sameOr(item: Item, known: Item | undefined): Item {
  return known && JSON.stringify(known) === JSON.stringify(item) ? known : item;
}
