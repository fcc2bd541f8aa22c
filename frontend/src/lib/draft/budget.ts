/** The most that a job may cost; pure functions. */

/** The server refuses what is outside of these. */
export const BUDGET_USD = { min: 0.01, max: 1_000_000 } as const;

/** Reads what somebody typed: US dollars, null for no limit, undefined for what makes no sense. */
export function readBudget(typed: string): number | null | undefined {
  const amount = typed.trim().replace(/^\$\s*/, '');
  if (amount === '') return null;
  if (!/^\d+([.]\d{0,2})?$|^[.]\d{1,2}$/.test(amount)) return undefined;
  const usd = Number(amount);
  return usd >= BUDGET_USD.min && usd <= BUDGET_USD.max ? usd : undefined;
}
