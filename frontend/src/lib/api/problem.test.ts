import { expect, it } from 'vitest';
import { Problem } from './problem';

it.each([
  [0, true, false],
  [401, false, false],
  [404, false, true],
  [409, false, false],
  [413, false, true],
  [422, false, true],
  [429, true, false],
  [500, true, false],
  [507, true, false],
])('knows whether status %i may pass, or never will', (status, passing, hopeless) => {
  const problem = new Problem(status, 'x', 'x');
  expect([problem.passing, problem.hopeless]).toEqual([passing, hopeless]);
});
