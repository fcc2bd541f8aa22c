import type { components } from './schema';

type ProblemOut = components['schemas']['ProblemOut'];

/** What went wrong with a request, as the server says it, or that there was no answer. */
export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly details: Readonly<Record<string, unknown>>;

  /**
   * @param status The HTTP status; 0: no answer came.
   * @param code A stable word to branch on.
   * @param message One sentence for people.
   * @param details Further facts.
   */
  constructor(
    status: number,
    code: string,
    message: string,
    details: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
    this.name = 'Problem';
    this.status = status;
    this.code = code;
    this.details = details;
  }

  /** Whether trying again may help without anybody changing anything. */
  get passing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }

  /** Whether the same request will never be taken, so that nobody should be asked to repeat it. */
  get hopeless(): boolean {
    return this.status >= 400 && this.status < 500 && !WORTH_REPEATING.includes(this.status);
  }
}

/** Signed out, too slow, in the way of something else, too early, too often. */
const WORTH_REPEATING = [401, 408, 409, 425, 429];

/** Turns whatever was thrown while asking the server into what went wrong. */
export function asProblem(error: unknown): Problem {
  return error instanceof Problem ? error : noAnswer();
}

/** Reads an error answer, whoever wrote it: our server, or a proxy before it. */
export function readProblem(status: number, body: string): Problem {
  try {
    const found = JSON.parse(body) as Partial<ProblemOut>;
    if (typeof found.code === 'string' && typeof found.detail === 'string') {
      return new Problem(status, found.code, found.detail, found.details);
    }
  } catch {
    // No JSON: some proxy's page.
  }
  return new Problem(status, 'unknown', `The server answered with status ${status}.`);
}

export function noAnswer(): Problem {
  return new Problem(0, 'unreachable', 'The server does not answer. Is it running?');
}
