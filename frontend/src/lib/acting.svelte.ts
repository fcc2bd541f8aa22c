import { type Problem, asProblem } from './api/problem';

/** What a page shows of the server and lets people change; every change ends by looking again. */
export abstract class ActingView {
  problem = $state.raw<Problem | null>(null);
  busy = $state(false);

  /** Reads anew what is shown. */
  protected abstract look(): Promise<void>;

  load(): Promise<boolean> {
    return this.act(async () => {});
  }

  /** @returns Whether it is done. */
  protected async act(change: () => Promise<unknown>): Promise<boolean> {
    this.busy = true;
    this.problem = null;
    try {
      await change();
      await this.look();
      return true;
    } catch (error) {
      this.problem = asProblem(error);
      return false;
    } finally {
      this.busy = false;
    }
  }
}
