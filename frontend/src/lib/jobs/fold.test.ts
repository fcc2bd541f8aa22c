import { describe, expect, it } from 'vitest';
import type { Item, Job, JobSummary } from '../api/types';
import type { Check } from './checks.svelte';
import {
  foldDelta,
  hasPreview,
  isInDoubt,
  isSettled,
  notesOf,
  resubmitUsd,
  sortItems,
  tallyOf,
} from './fold';

function item(index: number, over: Partial<Item> = {}): Item {
  return {
    index,
    name: `item ${index}`,
    state: 'queued',
    views: [],
    progress: { fraction: 0, phase: '', queue_position: null, eta_s: null },
    error: null,
    result: null,
    attempts: [],
    ...over,
  };
}

const COUNTS = {
  queued: 2,
  submitting: 1,
  generating: 1,
  finishing: 1,
  succeeded: 3,
  failed: 0,
  cancelled: 0,
  uncertain: 0,
  total: 3,
};
const summary = (version: number, total = 3): JobSummary =>
  ({ version, counts: { ...COUNTS, total } }) as JobSummary;
const job = { ...summary(5), items: [item(0), item(1), item(2)] } as Job;

describe('foldDelta', () => {
  it('replaces what changed and keeps the rest as it is', () => {
    const changed = item(1, { state: 'generating' });
    const next = foldDelta(job, summary(6), [changed]);
    expect(next.version).toBe(6);
    expect(next.items[1]).toBe(changed);
    expect(next.items[0]).toBe(job.items[0]);
    expect(job.items[1]?.state).toBe('queued');
  });

  it('ignores news that are older than what is known', () => {
    expect(foldDelta(job, summary(4), [item(0, { state: 'failed' })])).toBe(job);
  });

  it('drops items that are beyond the total', () => {
    expect(foldDelta(job, summary(6, 2), []).items).toHaveLength(2);
  });
});

it('counts everything between the queue and the end as running', () => {
  expect(tallyOf(COUNTS)).toMatchObject({ done: 3, running: 3, waiting: 2, total: 3 });
});

it('offers a decision while a lost answer is searched for, and not while something is sent', () => {
  const tried = (state: 'submitting' | 'uncertain'): Item['attempts'] =>
    [{ state }] as Item['attempts'];
  expect(isInDoubt(item(0, { state: 'submitting', attempts: tried('submitting') }))).toBe(false);
  expect(isInDoubt(item(0, { state: 'submitting', attempts: tried('uncertain') }))).toBe(true);
  expect(isInDoubt(item(0, { state: 'uncertain', attempts: tried('uncertain') }))).toBe(true);
  expect(isInDoubt(item(0, { state: 'generating', attempts: tried('uncertain') }))).toBe(false);
});

const unchecked = (): undefined => undefined;

it('sorts what prints badly or looks unlike the photo before the rest', () => {
  const checks = [
    { report: { print: { verdict: 'ready' } }, fidelity: { score: 0.9 }, problem: null },
    { report: { print: { verdict: 'ready' } }, fidelity: { score: 0.3 }, problem: null },
    { report: { print: { verdict: 'not' } }, fidelity: { score: 0.9 }, problem: null },
    { report: null, fidelity: null, problem: new Error('expired') },
  ] as unknown as Check[];
  const items = checks.map((_, index) => item(index, { state: 'succeeded' }));
  const sorted = sortItems(items, 'worst', (one) => checks[one.index]);
  expect(sorted.map((one) => one.index)).toEqual([3, 2, 1, 0]);
});

it('sorts problems first, without touching the list given', () => {
  const leaky = { files: [], facts: { watertight: false } };
  const sound = { files: [], facts: { watertight: true } };
  const items = [
    item(0, { state: 'succeeded', result: sound }),
    item(1, { state: 'succeeded', result: leaky }),
    item(2, { state: 'failed' }),
  ];
  expect(sortItems(items, 'worst', unchecked).map((one) => one.index)).toEqual([2, 1, 0]);
  expect(items.map((one) => one.index)).toEqual([0, 1, 2]);
});

it('sorts names as people count', () => {
  const items = [item(0, { name: 'cup 10' }), item(1, { name: 'cup 9' })];
  expect(sortItems(items, 'name', unchecked).map((one) => one.name)).toEqual(['cup 9', 'cup 10']);
});

describe('hasPreview', () => {
  const made = (...files: object[]): Item =>
    item(0, { state: 'succeeded', result: { files, facts: {} } as unknown as Item['result'] });
  const preview = { role: 'preview', sha256: '2', provider_url: null };

  it('knows one that is there', () => {
    expect(hasPreview(made(preview), false)).toBe(true);
    expect(hasPreview(made(), true)).toBe(false);
  });

  it('asks for one that is still to be drawn, where that is wanted', () => {
    const awaited = made({ ...preview, sha256: null });
    expect(hasPreview(awaited, false)).toBe(false);
    expect(hasPreview(awaited, true)).toBe(true);
  });

  it('leaves alone what only the provider has', () => {
    const elsewhere = { ...preview, sha256: null, provider_url: 'https://files.example/p.png' };
    expect(hasPreview(made(elsewhere), true)).toBe(false);
  });
});

describe('resubmitUsd', () => {
  const error = (details: object): Item['error'] => ({
    code: 'provider_result_invalid',
    message: 'No.',
    details: { ...details },
  });

  it('is the price where a failed item is offered to be made again', () => {
    expect(resubmitUsd(item(0, { state: 'failed', error: error({ resubmit_usd: 0.3 }) }))).toBe(
      0.3,
    );
  });

  it('is nothing where a retry is free, or while it runs', () => {
    expect(resubmitUsd(item(0, { state: 'failed', error: error({}) }))).toBeNull();
    expect(resubmitUsd(item(0, { state: 'failed', error: null }))).toBeNull();
    const running = item(0, { state: 'finishing', error: error({ resubmit_usd: 0.3 }) });
    expect(resubmitUsd(running)).toBeNull();
  });
});

describe('isSettled', () => {
  const none = { queued: 0, submitting: 0, generating: 0, finishing: 0, succeeded: 2, total: 3 };
  const at = (state: Job['state'], counts: Partial<typeof COUNTS>): JobSummary =>
    ({ state, counts: { ...COUNTS, ...none, ...counts } }) as JobSummary;

  it('is not held up by what waits for a decision', () => {
    expect(isSettled(at('running', { uncertain: 1 }))).toBe(true);
    expect(isSettled(at('paused', { uncertain: 1 }))).toBe(true);
    expect(isSettled(at('finished', { failed: 1 }))).toBe(true);
  });

  it('waits for what is still being made', () => {
    expect(isSettled(at('running', { uncertain: 1, generating: 1 }))).toBe(false);
    expect(isSettled(at('running', { uncertain: 1, queued: 1 }))).toBe(false);
    expect(isSettled(at('draft', { uncertain: 0, queued: 2 }))).toBe(false);
  });
});

describe('notesOf', () => {
  it('lists what is said of pictures and model, each once', () => {
    const one = item(0, {
      views: [{ notes: ['a', 'b'] }, { notes: ['a'] }] as unknown as Item['views'],
      result: { files: [], facts: { notes: ['b', 'c', 3] } } as unknown as Item['result'],
    });
    expect(notesOf(one)).toEqual(['a', 'b', 'c']);
    expect(notesOf(item(0))).toEqual([]);
  });
});
