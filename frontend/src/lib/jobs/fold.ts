/** Joins news of a job with what was known of it; pure functions. */
import type { Counts, Item, Job, JobSummary } from '../api/types';

/** Puts changed items in their places; those that did not change stay the same objects. */
export function foldDelta(known: Job, summary: JobSummary, changed: readonly Item[]): Job {
  if (summary.version < known.version) return known;
  const items = [...known.items];
  for (const item of changed) items[item.index] = item;
  return { ...known, ...summary, items: items.slice(0, summary.counts.total) };
}

export const FINAL_STATES = ['succeeded', 'failed', 'cancelled'] as const;

export function isFinal(item: Item): boolean {
  return (FINAL_STATES as readonly string[]).includes(item.state);
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

/** Sorts a job's items without changing the list given. */
export function sortItems(items: readonly Item[], order: SortOrder): Item[] {
  const by = (value: (item: Item) => number): Item[] =>
    items.toSorted((a, b) => value(b) - value(a) || a.index - b.index);
  switch (order) {
    case 'given':
      return [...items];
    case 'name':
      return items.toSorted((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
    case 'faces':
      return by((item) => factsOf(item).faces ?? -1);
    case 'size':
      return by((item) => meshOf(item)?.size_bytes ?? -1);
    case 'worst':
      return by((item) => badness(item));
  }
}

function badness(item: Item): number {
  if (item.state === 'failed') return 4;
  if (item.state === 'uncertain') return 3;
  if (item.state !== 'succeeded') return 2;
  const { watertight, confidence } = factsOf(item);
  return (watertight === false ? 1 : 0) + (1 - (confidence ?? 1));
}

export interface Facts {
  faces: number | null;
  vertices: number | null;
  sizeMm: [number, number, number] | null;
  watertight: boolean | null;
  texturePx: number | null;
  /** How sure the generator is of what the subject is, 0.0–1.0. */
  confidence: number | null;
}

/** Reads the facts that the page shows; null where the server does not say. */
export function factsOf(item: Item): Facts {
  const facts = item.result?.facts ?? {};
  const number = (name: string): number | null => {
    const value = facts[name];
    return typeof value === 'number' ? value : null;
  };
  const [width, height, depth] = [number('width_mm'), number('height_mm'), number('depth_mm')];
  const watertight = facts['watertight'];
  return {
    faces: number('faces'),
    vertices: number('vertices'),
    sizeMm: width !== null && height !== null && depth !== null ? [width, height, depth] : null,
    watertight: typeof watertight === 'boolean' ? watertight : null,
    texturePx: number('texture_px'),
    confidence: number('mask_confidence'),
  };
}

export function meshOf(item: Item): { format: string; size_bytes: number | null } | undefined {
  return item.result?.files.find((file) => file.role === 'mesh');
}

export function hasPreview(item: Item): boolean {
  return item.result?.files.some((file) => file.role === 'preview') ?? false;
}

/** In which formats the server can hand out the model. */
export function formatsOf(item: Item): string[] {
  const given =
    item.result?.files.filter((file) => file.role === 'mesh').map((f) => f.format) ?? [];
  return [...new Set(given.includes('glb') ? ['glb', 'stl', ...given] : given)];
}
