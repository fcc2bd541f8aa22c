import { describe, expect, it } from 'vitest';
import type { Item } from '../api/types';
import { positionOf, sizeOf, turntableOf, viewAt } from './turning';

const TABLE = { views: 36, columns: 6 };

describe('viewAt', () => {
  it('shows the front in the middle and the back at both edges', () => {
    expect(viewAt(0.5, 36)).toBe(0);
    expect(viewAt(0, 36)).toBe(18);
    expect(viewAt(1, 36)).toBe(18);
  });

  it('turns the front after the pointer', () => {
    // The camera walks to the left when the front is to look to the right.
    expect(viewAt(0.75, 36)).toBe(27);
    expect(viewAt(0.25, 36)).toBe(9);
  });

  it('stays on the table however far the pointer is', () => {
    expect(viewAt(-3, 36)).toBe(18);
    expect(viewAt(7, 36)).toBe(18);
  });
});

it('finds pictures in their rows', () => {
  expect(positionOf(0, TABLE)).toBe('0% 0%');
  expect(positionOf(5, TABLE)).toBe('100% 0%');
  expect(positionOf(35, TABLE)).toBe('100% 100%');
  expect(positionOf(6, TABLE)).toBe('0% 20%');
  expect(sizeOf(TABLE)).toBe('600% 600%');
  expect(positionOf(3, { views: 4, columns: 1 })).toBe('0% 100%');
});

it('has a table only where the server says how it is laid out', () => {
  const item = (facts: object): Item => ({ result: { files: [], facts } }) as unknown as Item;
  expect(turntableOf(item({ sprite: { ...TABLE, size_px: 160 } }))).toEqual(TABLE);
  expect(turntableOf(item({}))).toBeNull();
  expect(turntableOf(item({ sprite: {} }))).toBeNull();
});
