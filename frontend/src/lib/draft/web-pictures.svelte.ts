import type { Api } from '../api/api';
import { type Problem, asProblem } from '../api/problem';

/** A picture that the server is fetching, or could not fetch. */
export class WebPicture {
  readonly url: string;
  /** Null: on its way. */
  problem = $state.raw<Problem | null>(null);
  readonly stop = new AbortController();

  constructor(url: string) {
    this.url = url;
  }

  /** Its last part, which is what people recognise. */
  get name(): string {
    const { hostname, pathname } = new URL(this.url);
    return decodeURIComponentSafely(pathname.split('/').pop() ?? '') || hostname;
  }
}

/** Pictures given by their addresses; they join the others as files when they have come. */
export class WebPictures {
  pending = $state<WebPicture[]>([]);
  /** Whether addresses are being typed, and what; the field moves when the first picture comes. */
  asking = $state(false);
  typed = $state('');
  readonly #api: Api;
  readonly #onfile: (file: File) => void;

  constructor(api: Api, onfile: (file: File) => void) {
    this.#api = api;
    this.#onfile = onfile;
  }

  /** How many are on their way. */
  get fetching(): number {
    return this.pending.filter((one) => one.problem === null).length;
  }

  add(urls: readonly string[]): void {
    const known = new Set(this.pending.map((one) => one.url));
    for (const url of new Set(urls)) {
      if (known.has(url)) continue;
      const picture = new WebPicture(url);
      this.pending.push(picture);
      void this.fetch(picture);
    }
  }

  async fetch(picture: WebPicture): Promise<void> {
    picture.problem = null;
    try {
      const file = await this.#api.fetchPicture(picture.url, picture.stop.signal);
      this.remove(picture);
      this.#onfile(file);
    } catch (error) {
      if (!picture.stop.signal.aborted) picture.problem = asProblem(error);
    }
  }

  remove(picture: WebPicture): void {
    picture.stop.abort();
    this.pending = this.pending.filter((one) => one !== picture);
  }

  clear(): void {
    for (const one of [...this.pending]) this.remove(one);
  }
}

function decodeURIComponentSafely(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
