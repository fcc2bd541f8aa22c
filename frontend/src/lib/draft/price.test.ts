import { expect, it } from 'vitest';
import type { Generator } from '../api/types';
import { affordable, itemPrice, sharesOf, totalOf } from './price';

const GENERATOR = {
  options_schema: {
    properties: {
      texture: { type: 'string', enum: ['no', 'standard', 'HD'], default: 'standard' },
      pbr: { type: 'boolean', default: false },
      faces: { type: 'integer' },
    },
  },
  price: {
    base_usd: 0.2,
    surcharges: [
      { option: 'texture', equals: 'HD', given: false, usd: 0.1 },
      { option: 'texture', equals: 'no', given: false, usd: -0.1 },
      { option: 'pbr', equals: true, given: false, usd: 0.05 },
      { option: 'faces', equals: null, given: true, usd: 0.15 },
    ],
    more_views_usd: 0.15,
    note: '',
  },
} as unknown as Generator;

it('adds surcharges whose value is chosen', () => {
  expect(itemPrice(GENERATOR, {})).toBeCloseTo(0.2);
  expect(itemPrice(GENERATOR, { texture: 'HD', pbr: true })).toBeCloseTo(0.35);
  expect(itemPrice(GENERATOR, { texture: 'no' })).toBeCloseTo(0.1);
  expect(itemPrice(GENERATOR, { faces: 5_000 })).toBeCloseTo(0.35);
});

it('adds once what several views cost', () => {
  expect(itemPrice(GENERATOR, {}, 2)).toBeCloseTo(0.35);
  expect(itemPrice(GENERATOR, {}, 4)).toBeCloseTo(0.35);
});

it('gathers items of the same price', () => {
  expect(sharesOf([0.2, 0.35, 0.2])).toEqual([
    { count: 2, eachUsd: 0.2 },
    { count: 1, eachUsd: 0.35 },
  ]);
  expect(sharesOf([])).toEqual([]);
});

it('counts what a budget pays for, to the cent', () => {
  const prices = [0.1, 0.2, 0.3];
  expect(totalOf(prices)).toBeCloseTo(0.6);
  expect(affordable(prices, 0.3)).toBe(2);
  expect(affordable(prices, 0.29)).toBe(1);
  expect(affordable(prices, 0)).toBe(0);
  expect(affordable(prices, 5)).toBe(3);
  expect(affordable([0, 0], 0)).toBe(2);
});
