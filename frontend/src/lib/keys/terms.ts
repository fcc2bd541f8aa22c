/** What is asked for when a key is made, and how a key is described. */
import type { ApiKey, KeyTerms, ScopeName } from '../api/types';
import { formatAgo, formatUsd } from '../format';
import { text } from '../strings';

export interface KeyForm {
  name: string;
  scope: ScopeName;
  /** 0: for ever. */
  days: number;
  dayUsd: string;
  monthUsd: string;
}

export const NEW_KEY: KeyForm = {
  name: '',
  scope: 'generate',
  days: 90,
  dayUsd: '',
  monthUsd: '',
};

const DAY_MS = 86_400_000;
const USD = /^\$?\s*(\d{1,6}(?:\.\d{0,2})?|\.\d{1,2})$/;

/** @returns Null: nothing was typed; undefined: it makes no sense. */
export function readUsd(typed: string): number | null | undefined {
  const trimmed = typed.trim();
  if (!trimmed) return null;
  const found = USD.exec(trimmed)?.[1];
  return found === undefined ? undefined : Number(found);
}

/** @returns Null while something is missing or makes no sense. */
export function termsOf(form: KeyForm, nowMs: number): KeyTerms | null {
  const dayUsd = readUsd(form.dayUsd);
  const monthUsd = readUsd(form.monthUsd);
  const name = form.name.trim();
  if (!name || dayUsd === undefined || monthUsd === undefined) return null;
  return {
    name,
    scopes: [form.scope],
    expires_at: form.days ? new Date(nowMs + form.days * DAY_MS).toISOString() : null,
    limits: { day_usd: dayUsd, month_usd: monthUsd },
  };
}

/** The most that a key may do. */
export function scopeOf(key: ApiKey): ScopeName {
  return (['admin', 'generate'] as const).find((scope) => key.scopes.includes(scope)) ?? 'read';
}

/** Says in short what a key may, how long it works, and when it was used. */
export function describeKey(key: ApiKey, nowMs: number): string {
  const { job_usd, day_usd, month_usd } = key.limits;
  const limits = [
    job_usd === null ? null : text.keys.aJob(formatUsd(job_usd)),
    day_usd === null ? null : text.keys.aDay(formatUsd(day_usd)),
    month_usd === null ? null : text.keys.aMonth(formatUsd(month_usd)),
  ].filter((limit) => limit !== null);
  const day = key.expires_at && new Date(key.expires_at).toLocaleDateString();
  return [
    text.keys.scopes[scopeOf(key)],
    limits.length ? text.keys.spending(limits) : null,
    key.generators?.join(', '),
    key.state === 'works' && day ? text.keys.until(day) : null,
    key.last_used_at ? text.keys.used(formatAgo(key.last_used_at, nowMs)) : text.keys.neverUsed,
  ]
    .filter(Boolean)
    .join(' · ');
}
