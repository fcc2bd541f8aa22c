/** How the operator's page tells what the server has told. */
import type { AuditEntry, OwnerNow, Overview, Purge } from '../api/types';
import { formatBytes, formatDollars } from '../format';
import { text } from '../strings';

/** Names an owner for people. */
export function ownerName(owner: OwnerNow): string {
  return owner.owner ? owner.name || owner.owner : text.admin.sessions(owner.owners);
}

/** What was spent, with its limit if there is one. */
export function spentOf(usd: number, limit: number | null): string {
  const spent = formatDollars(usd);
  return limit === null ? spent : text.admin.ofLimit(spent, formatDollars(limit));
}

/** Adds up the items by state, such as "12 queued, 3 generating". */
export function queueWords(queue: Overview['queue']): string {
  const counts = new Map<string, number>();
  for (const line of queue.items)
    counts.set(line.state, (counts.get(line.state) ?? 0) + line.items);
  return [...counts].map(([state, count]) => text.admin.items(count, state)).join(', ');
}

/** Lists what a purge removes; parts of which there is nothing are left out. */
export function purgeWords(purge: Purge): string {
  const { parts } = text.admin;
  const told = [
    purge.jobs > 0 && parts.jobs(purge.jobs),
    purge.orphans > 0 && parts.orphans(purge.orphans, formatBytes(purge.orphan_bytes)),
    purge.sessions > 0 && parts.sessions(purge.sessions),
    purge.derived_bytes > 0 && parts.derived(formatBytes(purge.derived_bytes)),
  ];
  return told.filter(Boolean).join(', ') || text.admin.nothingToPurge;
}

/** Writes an entry's details in a line, without what is not there. */
export function detailWords(entry: AuditEntry): string {
  return Object.entries(entry.details)
    .filter(([, value]) => value !== null && value !== '' && value !== false)
    .map(([name, value]) => `${name.replaceAll('_', ' ')}: ${words(value)}`)
    .join(', ');
}

function words(value: unknown): string {
  if (Array.isArray(value)) return value.map(words).join(' ');
  return typeof value === 'string' ? value : JSON.stringify(value);
}
