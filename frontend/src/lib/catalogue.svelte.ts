import type { Api } from './api/api';
import { Problem, noAnswer } from './api/problem';
import type { Generator } from './api/types';

/** The generators on offer, asked for once. */
export class Catalogue {
  generators = $state.raw<Generator[]>([]);
  problem = $state.raw<Problem | null>(null);
  #api: Api;
  #asked: Promise<void> | null = null;

  constructor(api: Api) {
    this.#api = api;
  }

  get default(): Generator | undefined {
    return this.generators.find((one) => one.default) ?? this.generators[0];
  }

  find(id: string | null): Generator | undefined {
    return this.generators.find((one) => one.id === id);
  }

  /** Asks for them, again only after that went wrong. */
  load(): Promise<void> {
    this.#asked ??= this.#ask();
    return this.#asked;
  }

  async #ask(): Promise<void> {
    this.problem = null;
    try {
      this.generators = await this.#api.generators();
    } catch (error) {
      this.problem = error instanceof Problem ? error : noAnswer();
      this.#asked = null;
    }
  }
}
