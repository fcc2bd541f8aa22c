import { describe, expect, it } from 'vitest';
import type { Generator, Item } from '../api/types';
import { adviceFor, repeatable } from './advice';

const PUFF = { id: 'local/puff', missing: null } as Generator;
const UNSET = { id: 'fal/tripo-v2.5', missing: 'set FAL_KEY to it' } as Generator;

function item(state: Item['state'], code: string | null = null, views = 1): Item {
  return {
    index: 0,
    state,
    views: Array.from({ length: views }, () => ({ view: 'front' })),
    error: code && { code, message: '', details: {} },
    attempts: [],
  } as unknown as Item;
}

describe('what can be made again', () => {
  it('advises instead where the same comes out again', () => {
    expect(adviceFor(item('failed', 'picture_damaged', 0), PUFF)).toBe('picture');
    expect(adviceFor(item('failed', 'subject_not_found'), PUFF)).toBe('subject');
    expect(adviceFor(item('failed', 'provider_rejected'), PUFF)).toBe('refused');
    expect(adviceFor(item('failed', 'generator_retired'), PUFF)).toBe('generator');
    expect(adviceFor(item('failed', 'invalid_options'), PUFF)).toBe('options');
  });

  it('says nothing where it may come out otherwise', () => {
    for (const code of ['provider_unavailable', 'item_timed_out', 'internal_error', 'given_up']) {
      expect(adviceFor(item('failed', code), PUFF)).toBeNull();
    }
    expect(adviceFor(item('cancelled'), PUFF)).toBeNull();
  });

  it('offers to fetch again what is paid for, whatever it failed of', () => {
    const paid = item('failed', 'format_unsupported');
    paid.attempts = [{ state: 'accepted' }] as Item['attempts'];
    expect(adviceFor(paid, PUFF)).toBeNull();
  });

  it('tells a refusal from what merely went wrong at the provider', () => {
    const refused = (kind: string | null): Item => {
      const one = item('failed', 'provider_rejected');
      return { ...one, error: { code: 'provider_rejected', message: '', details: { kind } } };
    };
    expect(adviceFor(refused('content_policy_violation'), PUFF)).toBe('refused');
    expect(adviceFor(refused(null), PUFF)).toBe('refused');
    for (const kind of ['time_limit', 'not_found', 'client_cancelled', 'startup_timeout']) {
      expect(adviceFor(refused(kind), PUFF)).toBeNull();
    }
  });

  it('knows when there is nobody to make it', () => {
    expect(adviceFor(item('cancelled'), undefined)).toBe('generator');
    expect(adviceFor(item('failed', 'internal_error'), UNSET)).toBe('generator');
    expect(adviceFor(item('failed', 'internal_error'), null)).toBeNull();
  });

  it('counts only those', () => {
    const items = [
      item('failed', 'internal_error'),
      item('failed', 'provider_rejected'),
      item('cancelled'),
      item('succeeded'),
    ];
    expect(repeatable(items, 'failed', PUFF)).toEqual([items[0]]);
    expect(repeatable(items, 'cancelled', PUFF)).toEqual([items[2]]);
  });
});
