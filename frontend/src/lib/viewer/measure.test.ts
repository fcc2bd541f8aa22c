import { expect, it } from 'vitest';
import { edgesOf, gridCellMm } from './measure';

it('chooses cells that are easy to count', () => {
  expect([10, 100, 148, 1_000, 2_000].map(gridCellMm)).toEqual([1, 10, 20, 100, 200]);
  expect(gridCellMm(0)).toBeGreaterThan(0);
});

it('writes sizes beside the edges that face the eye', () => {
  const box = { min: { x: -1, y: 0, z: -0.5 }, max: { x: 1, y: 3, z: 0.5 } };
  const fromFront = edgesOf(box, { x: 2, y: 1, z: 9 }, 1_000);
  expect(fromFront.map((edge) => [edge.name, edge.mm])).toEqual([
    ['width', 2_000],
    ['height', 3_000],
    ['depth', 1_000],
  ]);
  expect(fromFront[0]?.at).toEqual([0, 0, 0.5]);
  expect(edgesOf(box, { x: 2, y: 1, z: -9 }, 1_000)[0]?.at).toEqual([0, 0, -0.5]);
});
