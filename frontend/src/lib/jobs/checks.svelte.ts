/** What the server finds when it looks closely at models: whether they print, how true they are. */
import { SvelteMap } from 'svelte/reactivity';
import { type Problem, asProblem } from '../api/problem';
import type { Fidelity, Item, ModelReport } from '../api/types';

export interface Check {
  report: ModelReport | null;
  fidelity: Fidelity | null;
  /** Why something could not be found out; null: nothing went wrong. */
  problem: Problem | null;
}

/** Who looks at models; part of `Api`. */
export interface Inspector {
  inspect(job: string, index: number, signal: AbortSignal): Promise<ModelReport>;
  fidelity(job: string, index: number, signal: AbortSignal): Promise<Fidelity>;
}

interface Asked {
  key: string;
  item: Item;
}

/** Names the model that an item has; null: it has none. A retry gives it another one. */
export function modelKey(item: Item): string | null {
  const mesh = item.result?.files.find((file) => file.role === 'mesh');
  if (item.state !== 'succeeded' || !mesh) return null;
  return `${item.index} ${mesh.sha256 ?? mesh.provider_url ?? mesh.url}`;
}

/**
 * Asks about the models that somebody looks at, a few at a time, each once.
 *
 * Each answer costs the server up to seconds of work: asking about two hundred models at once would
 * hold up whatever else it makes.
 */
export class ModelChecks {
  /** How many models are asked about but not answered for. */
  open = $state(0);
  /** Whether it asks at all now. */
  asking = $state(false);
  readonly #inspector: Inspector;
  readonly #job: string;
  readonly #known = new SvelteMap<string, Check>();
  readonly #waiting = new Map<string, Asked>();
  readonly #running = new Set<string>();
  readonly #stop = new AbortController();
  #atOnce = 0;
  #all = false;

  constructor(inspector: Inspector, job: string) {
    this.#inspector = inspector;
    this.#job = job;
  }

  /** What is known of an item's model; undefined: nothing yet. */
  of(item: Item): Check | undefined {
    const key = modelKey(item);
    return key === null ? undefined : this.#known.get(key);
  }

  /** Lets so many models be asked about at the same time; 0 holds everything up. */
  allow(atOnce: number): void {
    this.#atOnce = atOnce;
    this.asking = atOnce > 0;
    this.#next();
  }

  /**
   * Asks about an item's model. May be called again and again.
   *
   * @param first Whether it comes before what was wanted earlier.
   */
  want(item: Item, { first = false } = {}): void {
    const key = modelKey(item);
    if (key === null || this.#known.has(key) || this.#running.has(key)) return;
    const waiting = first ? [...this.#waiting] : [];
    if (first) this.#waiting.clear();
    this.#waiting.set(key, { key, item });
    for (const [other, asked] of waiting) this.#waiting.set(other, asked);
    this.#count();
    this.#next();
  }

  /** Asks about all of *items*, whether somebody sees them or not. */
  wantAll(items: readonly Item[]): void {
    this.#all = true;
    for (const item of items) this.want(item);
  }

  /** Forgets what `want` asked for, unless it is being answered or all are wanted. */
  leave(item: Item): void {
    const key = modelKey(item);
    if (!this.#all && key !== null && this.#waiting.delete(key)) this.#count();
  }

  /** Ends all asking. */
  close(): void {
    this.#stop.abort();
    this.#waiting.clear();
  }

  #next(): void {
    for (const asked of this.#waiting.values()) {
      if (this.#running.size >= this.#atOnce) return;
      this.#waiting.delete(asked.key);
      this.#running.add(asked.key);
      void this.#ask(asked);
    }
  }

  async #ask({ key, item }: Asked): Promise<void> {
    const known = item.result?.facts['fidelity'] as Fidelity | undefined;
    const check: Check = { report: null, fidelity: known ?? null, problem: null };
    const { signal } = this.#stop;
    try {
      check.report = await this.#inspector.inspect(this.#job, item.index, signal);
      check.fidelity ??= await this.#inspector.fidelity(this.#job, item.index, signal);
    } catch (error) {
      check.problem = asProblem(error);
    }
    this.#running.delete(key);
    if (signal.aborted) return;
    this.#known.set(key, check);
    this.#count();
    this.#next();
  }

  #count(): void {
    this.open = this.#waiting.size + this.#running.size;
  }
}
