import { describe, expect, it } from 'vitest';
import type { ApiKey } from '../api/types';
import { NEW_KEY, describeKey, readUsd, termsOf } from './terms';

const NOW = Date.UTC(2026, 10, 21, 12);

const KEY: ApiKey = {
  id: '0badcafe',
  name: 'office',
  state: 'works',
  scopes: ['read', 'generate'],
  created_at: '2026-11-20T12:00:00Z',
  expires_at: null,
  last_used_at: null,
  revoked_at: null,
  limits: { job_usd: null, day_usd: null, month_usd: null },
  generators: null,
};

it.each([
  ['5', 5],
  ['$ 0.50', 0.5],
  ['0', 0],
  ['  ', null],
  ['1,5', undefined],
  ['-1', undefined],
  ['5 USD', undefined],
])('reads %j as %s dollars', (typed, usd) => {
  expect(readUsd(typed)).toBe(usd);
});

describe('a new key', () => {
  it('lasts for the days chosen and has the limits typed', () => {
    const form = { ...NEW_KEY, name: ' office ', days: 30, dayUsd: '5', monthUsd: '' };
    expect(termsOf(form, NOW)).toEqual({
      name: 'office',
      scopes: ['generate'],
      expires_at: '2026-12-21T12:00:00.000Z',
      limits: { day_usd: 5, month_usd: null },
    });
  });

  it('may last for ever', () => {
    expect(termsOf({ ...NEW_KEY, name: 'x', days: 0 }, NOW)?.expires_at).toBeNull();
  });

  it.each([
    ['has no name', { name: ' ' }],
    ['has a limit that is no number', { name: 'x', dayUsd: 'much' }],
  ])('is not made while it %s', (_why, typed) => {
    expect(termsOf({ ...NEW_KEY, ...typed }, NOW)).toBeNull();
  });
});

describe('a key', () => {
  it('is described in short', () => {
    expect(describeKey(KEY, NOW)).toBe('Make models · never used');
  });

  it('tells its limits and where it may be used', () => {
    const told = describeKey(
      {
        ...KEY,
        scopes: ['read', 'generate', 'admin'],
        limits: { job_usd: 0.5, day_usd: 5, month_usd: null },
        generators: ['local/*'],
      },
      NOW,
    );
    expect(told).toMatch(/^Make models and manage keys · at most \$0\.50 a job, \$5\.00 a day/);
    expect(told).toContain('local/*');
  });
});
