/** Joins news of a job with what was known of it; pure functions. */
import type { Counts, Item, Job, JobSummary, ModelReport } from '../api/types';
import type { Check } from './checks.svelte';

/** Puts changed items in their places; those that did not change stay the same objects. */
export function foldDelta(known: Job, summary: JobSummary, changed: readonly Item[]): Job {
  if (summary.version < known.version) return known;
  const items = [...known.items];
  for (const item of changed) items[item.index] = item;
  return { ...known, ...summary, items: items.slice(0, summary.counts.total) };
}

export const FINAL_STATES = ['succeeded', 'failed', 'cancelled'] as const;

/** Whether a person may decide about it; also while its lost answer is searched for. */
export function isInDoubt(item: Item): boolean {
  if (item.state === 'submitting') return item.attempts.at(-1)?.state === 'uncertain';
  return item.state === 'uncertain';
}

export function isFinal(item: Item): boolean {
  return (FINAL_STATES as readonly string[]).includes(item.state);
}

/** Whether somebody is at it now. */
export function isWorking(item: Item): boolean {
  return ['submitting', 'generating', 'finishing'].includes(item.state);
}

/** What making an item again costs that was paid for and is lost; null: that is not offered. */
export function resubmitUsd(item: Item): number | null {
  const usd = item.error?.details?.['resubmit_usd'];
  return item.state === 'failed' && typeof usd === 'number' ? usd : null;
}

/**
 * Whether nothing more is made: a finished job, or one that waits for somebody's decisions alone.
 */
export function isSettled(job: JobSummary): boolean {
  if (job.state === 'finished') return true;
  const { queued, submitting, generating, finishing, uncertain } = job.counts;
  const open = queued + submitting + generating + finishing;
  return job.state !== 'draft' && open === 0 && uncertain > 0;
}

export interface Tally {
  done: number;
  running: number;
  waiting: number;
  failed: number;
  cancelled: number;
  uncertain: number;
  total: number;
}

/** Sums states up as people think of them. */
export function tallyOf(counts: Counts): Tally {
  return {
    done: counts.succeeded,
    running: counts.submitting + counts.generating + counts.finishing,
    waiting: counts.queued,
    failed: counts.failed,
    cancelled: counts.cancelled,
    uncertain: counts.uncertain,
    total: counts.total,
  };
}

export type SortOrder = 'given' | 'name' | 'faces' | 'size' | 'worst';

/**
 * Sorts a job's items without changing the list given.
 *
 * @param checkOf What is known of an item's model, for `worst`.
 */
export function sortItems(
  items: readonly Item[],
  order: SortOrder,
  checkOf: (item: Item) => Check | undefined,
): readonly Item[] {
  const by = (value: (item: Item) => number): Item[] =>
    items.toSorted((a, b) => value(b) - value(a) || a.index - b.index);
  switch (order) {
    case 'given':
      return items;
    case 'name':
      return items.toSorted((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
    case 'faces':
      return by((item) => factsOf(item).faces ?? -1);
    case 'size':
      return by((item) => meshOf(item)?.size_bytes ?? -1);
    case 'worst':
      return by((item) => badness(item, checkOf(item)));
  }
}

const PRINT_BADNESS = { ready: 0, repairable: 0.5, not: 1 };

/** What somebody should look at first has the highest number. */
function badness(item: Item, check: Check | undefined): number {
  if (item.state === 'uncertain') return 6;
  if (item.state === 'failed') return 5;
  if (item.state !== 'succeeded') return 4;
  if (check?.problem) return 3;
  const { watertight, confidence } = factsOf(item);
  const print = check?.report ? PRINT_BADNESS[check.report.print.verdict] : watertight ? 0 : 0.5;
  const unlike = 1 - (check?.fidelity?.score ?? 1);
  return print + unlike + (confidence !== null && confidence < SURE ? 0.5 : 0);
}

/** Below this the generator was not sure what the subject is. */
export const SURE = 0.5;

export interface Facts {
  faces: number | null;
  vertices: number | null;
  sizeMm: [number, number, number] | null;
  watertight: boolean | null;
  texturePx: number | null;
  /** How sure the generator is of what the subject is, 0.0–1.0. */
  confidence: number | null;
}

/**
 * Reads the facts that the page shows; null where the server does not say.
 *
 * @param report What was found later, of models that nobody looked into when they were made.
 */
export function factsOf(item: Item, report: ModelReport | null = null): Facts {
  const facts = item.result?.facts ?? {};
  const number = (name: string): number | null => {
    const value = facts[name];
    return typeof value === 'number' ? value : null;
  };
  const [width, height, depth] = [number('width_mm'), number('height_mm'), number('depth_mm')];
  const sizeMm: Facts['sizeMm'] =
    width !== null && height !== null && depth !== null ? [width, height, depth] : null;
  const watertight = facts['watertight'];
  return {
    faces: number('faces') ?? report?.faces ?? null,
    vertices: number('vertices') ?? report?.vertices ?? null,
    sizeMm: sizeMm ?? report?.size_mm ?? null,
    watertight: typeof watertight === 'boolean' ? watertight : null,
    texturePx: number('texture_px'),
    confidence: number('mask_confidence'),
  };
}

export function meshOf(item: Item): { format: string; size_bytes: number | null } | undefined {
  return item.result?.files.find((file) => file.role === 'mesh');
}

/**
 * Whether our server has a picture of the model; the page may load no other.
 *
 * @param asking Whether one that is still to be drawn may be asked for, which draws it.
 */
export function hasPreview(item: Item, asking: boolean): boolean {
  const preview = item.result?.files.find((file) => file.role === 'preview');
  if (!preview) return false;
  return preview.sha256 !== null || (asking && preview.provider_url === null);
}

/** Lists what is said of an item's pictures and of its model, each once. */
export function notesOf(item: Item): string[] {
  const made = item.result?.facts['notes'];
  const ofModel = Array.isArray(made) ? made.filter((one) => typeof one === 'string') : [];
  return [...new Set([...item.views.flatMap((view) => view.notes ?? []), ...ofModel])];
}
