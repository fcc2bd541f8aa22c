import { describe, expect, it } from 'vitest';
import type { AuditEntry, OwnerNow, Purge } from '../api/types';
import { detailWords, ownerName, purgeWords, queueWords, spentOf } from './words';

const OWNER: OwnerNow = {
  owner: 'key:0badcafe',
  name: 'office',
  owners: 1,
  jobs: 2,
  unfinished_jobs: 0,
  stored_bytes: 0,
  day_usd: 0,
  month_usd: 0,
  day_limit_usd: null,
  month_limit_usd: null,
  last_active_at: null,
};

const NOTHING: Purge = {
  dry_run: true,
  jobs: 0,
  orphans: 0,
  orphan_bytes: 0,
  sessions: 0,
  derived_bytes: 0,
};

it('names owners by their key or person, and browsers by their number', () => {
  expect(ownerName(OWNER)).toBe('office');
  expect(ownerName({ ...OWNER, name: '' })).toBe('key:0badcafe');
  expect(ownerName({ ...OWNER, owner: '', name: '', owners: 1 })).toBe('1 browser without a key');
  expect(ownerName({ ...OWNER, owner: '', name: '', owners: 3 })).toBe('3 browsers without a key');
});

it('tells a limit only where there is one', () => {
  expect(spentOf(1.5, null)).toBe('$1.50');
  expect(spentOf(1.5, 5)).toBe('$1.50 of $5.00');
});

it('adds up items of all generators', () => {
  const queue = {
    items: [
      { generator: 'fal/a', state: 'queued' as const, items: 2 },
      { generator: 'fal/b', state: 'queued' as const, items: 3 },
      { generator: 'fal/b', state: 'generating' as const, items: 1 },
    ],
    waiting: 5,
    waiting_since: null,
  };
  expect(queueWords(queue)).toBe('5 queued, 1 generating');
  expect(queueWords({ ...queue, items: [] })).toBe('');
});

it('lists only what there is to remove', () => {
  expect(purgeWords(NOTHING)).toBe('nothing');
  expect(purgeWords({ ...NOTHING, jobs: 1, derived_bytes: 2_000_000 })).toBe(
    '1 job, 2 MB of other formats',
  );
  expect(purgeWords({ ...NOTHING, orphans: 2, orphan_bytes: 500, sessions: 1 })).toBe(
    '2 files (500 B), 1 session',
  );
});

describe('the details of an entry', () => {
  it('are told in a line, without what is not there', () => {
    const details = { key: '0badcafe', scopes: ['read', 'admin'], day_usd: 5, expires_at: null };
    expect(detailWords({ details } as unknown as AuditEntry)).toBe(
      'key: 0badcafe, scopes: read admin, day usd: 5',
    );
    expect(detailWords({ details: {} } as unknown as AuditEntry)).toBe('');
  });
});
