import type { KeepPolicy } from '../api/types';

/** What the next job may cost and where its results stay; the job after it begins anew. */
export class OrderTerms {
  /** The most that it may cost, in US dollars; null: no limit. */
  budgetUsd = $state<number | null>(null);
  /** What happens to results that a provider has; null: as the server says. */
  keep = $state<KeepPolicy | null>(null);

  clear(): void {
    this.budgetUsd = null;
    this.keep = null;
  }
}
