import { expect, it } from 'vitest';
import {
  formatAgo,
  formatBytes,
  formatPercent,
  formatRoughly,
  formatSize,
  formatSpan,
  formatThousands,
  formatUsd,
} from './format';

it('never rounds up to done', () => {
  expect(formatPercent(0.999)).toBe('99\u00a0%');
  expect(formatPercent(1)).toBe('100\u00a0%');
  expect(formatPercent(0.29)).toBe('29\u00a0%');
});

it('writes spans as people say them, never a number without its unit on a line', () => {
  const spaced = (seconds: number): string => formatSpan(seconds).replaceAll('\u00a0', ' ');
  expect(formatSpan(3_900)).toBe('1\u00a0h 5\u00a0min');
  expect([0, 0.4, 45, 60, 200, 3_900, 86_400, 604_800].map(spaced)).toEqual([
    '0 s',
    '< 1 s',
    '45 s',
    '1 min',
    '3 min 20 s',
    '1 h 5 min',
    '24 h',
    '7 days',
  ]);
  expect(formatRoughly(0.1)).toBe('under a second');
});

it('writes sizes and counts in the unit that fits', () => {
  expect([512, 1_500, 1_099_440, 2.5e9].map(formatBytes)).toEqual([
    '512 B',
    '2 KB',
    '1.1 MB',
    '2.5 GB',
  ]);
  expect([999, 4_210, 48_316, 1_250_000].map(formatThousands)).toEqual([
    '999',
    '4.2k',
    '48k',
    '1.3M',
  ]);
  expect(formatSize([147.56, 100, 46.58])).toBe('148 × 100 × 47 mm');
  expect(formatSize([1_997, 2_000, 940])).toBe('2.00 × 2.00 × 0.94 m');
  expect(formatSize([9.44, 3, 0.5])).toBe('9.4 × 3.0 × 0.5 mm');
});

it('says what is free, and does not hide fractions of a cent', () => {
  expect([0, 0.2, 0.004, 1_234.5].map(formatUsd)).toEqual([
    'Free',
    '$0.20',
    '$0.0040',
    '$1,234.50',
  ]);
});

it('tells how long ago', () => {
  const now = Date.parse('2026-11-21T12:00:00Z');
  expect(formatAgo('2026-11-21T11:59:30Z', now)).toBe('just now');
  expect(formatAgo('2026-11-21T09:00:00Z', now)).toBe('3 hours ago');
  expect(formatAgo('2026-11-20T12:00:00Z', now)).toBe('yesterday');
});
