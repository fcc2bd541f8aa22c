import { expect, it } from 'vitest';
import { readBudget } from './budget';

it.each([
  ['5', 5],
  ['0.50', 0.5],
  ['.5', 0.5],
  ['$ 12.', 12],
  [' ', null],
  ['', null],
])('reads %j as %s dollars', (typed, usd) => {
  expect(readBudget(typed)).toBe(usd);
});

it.each(['0', '-1', '1,5', '5 USD', '1e3', '0.001', '2000000'])('makes no sense of %j', (typed) => {
  expect(readBudget(typed)).toBeUndefined();
});
