import type { Api } from './api/api';
import { type Problem, asProblem } from './api/problem';
import type { Generator, Limits } from './api/types';

/** What the server offers: generators, and what it takes. Asked for once. */
export class Catalogue {
  generators = $state.raw<Generator[]>([]);
  /** Null until the server has said. */
  limits = $state.raw<Limits | null>(null);
  problem = $state.raw<Problem | null>(null);
  #api: Api;
  #asked: Promise<void> | null = null;

  constructor(api: Api) {
    this.#api = api;
  }

  /** The server's default, or, where that cannot be used now, the first that can. */
  get default(): Generator | undefined {
    const ready = this.generators.filter((one) => !one.missing && one.may_pay);
    return ready.find((one) => one.default) ?? ready[0] ?? this.generators[0];
  }

  find(id: string | null): Generator | undefined {
    return this.generators.find((one) => one.id === id);
  }

  /** Asks for them, again only after that went wrong. */
  load(): Promise<void> {
    this.#asked ??= this.#ask();
    return this.#asked;
  }

  /** Asks anew: somebody else may be told something else. */
  reload(): Promise<void> {
    this.#asked = null;
    return this.load();
  }

  async #ask(): Promise<void> {
    this.problem = null;
    try {
      const [generators, limits] = await Promise.all([this.#api.generators(), this.#api.limits()]);
      this.generators = generators;
      this.limits = limits;
    } catch (error) {
      this.problem = asProblem(error);
      this.#asked = null;
    }
  }
}
