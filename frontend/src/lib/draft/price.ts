/** What a job costs by its generator's price list, as the server adds it up; pure functions. */
import type { Generator, Options } from '../api/types';
import { fieldsOf, withDefaults } from './options';

/**
 * Tells the price of one item in US dollars.
 *
 * @param chosen Only what differs from the generator's defaults.
 * @param pictures How many views the item has.
 */
export function itemPrice(generator: Generator, chosen: Options, pictures = 1): number {
  const { base_usd, surcharges, more_views_usd } = generator.price;
  const options = withDefaults(fieldsOf(generator.options_schema), chosen);
  const extra = surcharges
    .filter(({ option, equals, given }) =>
      given ? (options[option] ?? null) !== null : options[option] === equals,
    )
    .reduce((sum, { usd }) => sum + usd, base_usd);
  return pictures > 1 ? extra + more_views_usd : extra;
}

export interface PriceShare {
  count: number;
  eachUsd: number;
}

/** Gathers items of the same price, in the order in which the prices first come. */
export function sharesOf(prices: readonly number[]): PriceShare[] {
  const counts = new Map<number, number>();
  for (const price of prices) counts.set(price, (counts.get(price) ?? 0) + 1);
  return [...counts].map(([eachUsd, count]) => ({ eachUsd, count }));
}

export function totalOf(prices: readonly number[]): number {
  return prices.reduce((sum, price) => sum + price, 0);
}

/** Sums of cents are not exact; this is far below the least price. */
const TOLERANCE_USD = 1e-9;

/** Counts the items, from the first on, that can be paid of *leftUsd*. */
export function affordable(prices: readonly number[], leftUsd: number): number {
  let spent = 0;
  const stop = prices.findIndex((price) => (spent += price) > leftUsd + TOLERANCE_USD);
  return stop < 0 ? prices.length : stop;
}
