/** News of one job: an event stream, and long polls where events do not come through. */
import type { Api } from './api';
import { PREFIX } from './http';
import { Problem } from './problem';
import type { Item, Job, JobDelta, JobSummary } from './types';

/** How the news come: not yet, as they happen, by asking again and again, or not at all now. */
export type FeedState = 'connecting' | 'live' | 'polling' | 'offline' | 'over';

export interface FeedListener {
  /** All about the job: forget what you knew. */
  snapshot(job: Job): void;
  /** What changed since. */
  delta(summary: JobSummary, items: Item[]): void;
  state(state: FeedState): void;
  /** There is no such job (any more). */
  gone(): void;
}

/** A stream that says nothing this long after connecting is kept back by something between. */
const FIRST_EVENT_MS = 6_000;
/** The server comments every 15 s, which scripts do not see; after this we ask it directly. */
const SILENCE_MS = 20_000;
/** An answer that takes this much longer than it should will not come. */
const ANSWER_MS = 8_000;
const POLL_S = 25;
const RETRY_MS = [1_000, 2_000, 5_000, 10_000];

export class JobFeed {
  readonly #api: Api;
  readonly #id: string;
  readonly #listener: FeedListener;
  #version: number | null = null;
  #source: EventSource | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #abort: AbortController | null = null;
  #failures = 0;
  #brokenStreams = 0;
  /** Whether a poll is only to see if the server is there, before a stream is tried again. */
  #retryStream = false;

  constructor(api: Api, id: string, listener: FeedListener) {
    this.#api = api;
    this.#id = id;
    this.#listener = listener;
  }

  /** Begins, or begins again at once: after a sleep, or when a finished job was retried. */
  start(): void {
    this.stop();
    this.#failures = 0;
    this.#brokenStreams = 0;
    this.#listener.state('connecting');
    this.#listen();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
    this.#abort?.abort();
    this.#abort = null;
  }

  #listen(): void {
    const resume = this.#version === null ? '' : `?last_event_id=${this.#version}`;
    const source = new EventSource(`${PREFIX}/jobs/${this.#id}/events${resume}`);
    let pending: Item[] = [];
    this.#source = source;
    source.onopen = () => {
      // With a known version the server has nothing to say until something happens.
      if (this.#version !== null) this.#heard();
    };
    source.addEventListener('snapshot', (event) => {
      const job = JSON.parse(event.data) as Job;
      pending = [];
      this.#heard();
      this.#snapshot(job);
    });
    source.addEventListener('item', (event) => pending.push(JSON.parse(event.data) as Item));
    source.addEventListener('job', (event) => {
      const summary = JSON.parse(event.data) as JobSummary;
      this.#version = summary.version;
      this.#heard();
      this.#listener.delta(summary, pending);
      pending = [];
    });
    source.addEventListener('end', (event) => this.#end(JSON.parse(event.data).reason as string));
    source.onerror = () => {
      this.#brokenStreams += 1;
      this.#pollAfter(RETRY_MS[0] ?? 0, { retryStream: this.#brokenStreams < 3 });
    };
    this.#after(FIRST_EVENT_MS, () => this.#pollAfter(0, { retryStream: false }));
  }

  #heard(): void {
    this.#failures = 0;
    this.#brokenStreams = 0;
    this.#listener.state('live');
    this.#after(SILENCE_MS, () => void this.#doubt());
  }

  /** Asks whether the silence means that nothing happens. */
  async #doubt(): Promise<void> {
    const known = this.#version ?? 0;
    try {
      const news = await this.#api.news(this.#id, known, 0, within(this.#signal(), ANSWER_MS));
      if (news.version === known) this.#after(SILENCE_MS, () => void this.#doubt());
      else this.#pollAfter(0, { retryStream: false });
    } catch {
      this.#pollAfter(0, { retryStream: true });
    }
  }

  #snapshot(job: Job): void {
    this.#version = job.version;
    this.#listener.snapshot(job);
  }

  #end(reason: string): void {
    this.stop();
    if (reason === 'deleted') this.#listener.gone();
    else this.#listener.state('over');
  }

  #pollAfter(delayMs: number, { retryStream }: { retryStream: boolean }): void {
    this.stop();
    this.#retryStream = retryStream;
    this.#after(delayMs, () => void this.#poll());
  }

  async #poll(): Promise<void> {
    const signal = this.#signal();
    try {
      const job = await this.#ask(signal);
      if (signal.aborted) return;
      this.#failures = 0;
      if (job.state === 'finished') this.#end('finished');
      else if (this.#retryStream) this.#listen();
      else {
        this.#listener.state('polling');
        this.#after(250, () => void this.#poll());
      }
    } catch (error) {
      if (signal.aborted) return;
      this.#failed(error);
    }
  }

  async #ask(signal: AbortSignal): Promise<Job | JobDelta> {
    if (this.#version === null) {
      const job = await this.#api.job(this.#id, within(signal, ANSWER_MS));
      if (!signal.aborted) this.#snapshot(job);
      return job;
    }
    const known = this.#version;
    const waitS = this.#retryStream ? 0 : POLL_S;
    const patient = within(signal, waitS * 1_000 + ANSWER_MS);
    const news = await this.#api.news(this.#id, known, waitS, patient);
    if (!signal.aborted && news.version !== known) {
      this.#version = news.version;
      this.#listener.delta(news, news.items);
    }
    return news;
  }

  #failed(error: unknown): void {
    if (error instanceof Problem && error.status === 404) {
      this.stop();
      this.#listener.gone();
      return;
    }
    // After an outage the stream may work again.
    this.#retryStream = true;
    this.#brokenStreams = 0;
    this.#listener.state('offline');
    const delay = RETRY_MS[Math.min(this.#failures, RETRY_MS.length - 1)] ?? 1_000;
    this.#failures += 1;
    this.#after(delay, () => void this.#poll());
  }

  #after(ms: number, action: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(action, ms);
  }

  #signal(): AbortSignal {
    this.#abort?.abort();
    this.#abort = new AbortController();
    return this.#abort.signal;
  }
}

/** A server that is stopped or cut off does not refuse: it never answers. */
function within(signal: AbortSignal, ms: number): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(ms)]);
}
