/** What somebody wants of a download: in which formats, and adjusted to what; pure functions. */
import type { Item } from '../api/types';

/** What our server can turn a model into, the most useful first. */
export const FORMATS = ['glb', 'stl', '3mf', 'usdz', 'obj.zip', 'gltf.zip', 'ply'] as const;
/** What it can read for that; a ZIP holds one of them. */
const SOURCES = ['glb', 'obj', 'ply', 'stl', 'zip', 'gltf.zip', 'obj.zip'];

export const SIDES = ['height', 'width', 'depth'] as const;
export type Side = (typeof SIDES)[number];

export interface DownloadChoices {
  /** Of a single model. */
  format: string;
  /** Of all models in one file. */
  formats: string[];
  /** The most triangles; null: as made. */
  faces: number | null;
  side: Side;
  /** How long that side shall be; null: as made. */
  sideMm: number | null;
  /** The largest file; null: no limit. */
  megabytes: number | null;
  repair: boolean;
}

export const AS_MADE: DownloadChoices = {
  format: 'glb',
  formats: ['glb'],
  faces: null,
  side: 'height',
  sideMm: null,
  megabytes: null,
  repair: false,
};

/** The server refuses what is outside of these. */
export const LIMITS = {
  faces: { min: 12, max: 3_000_000 },
  sideMm: { min: 0.1, max: 1_000_000 },
  megabytes: { min: 0.001, max: 10_000 },
} as const;

export type Limited = keyof typeof LIMITS;

/** Reads what somebody typed: the number, null for nothing, undefined for what makes no sense. */
export function readNumber(typed: string, limited: Limited): number | null | undefined {
  if (typed.trim() === '') return null;
  const value = Number(typed);
  const { min, max } = LIMITS[limited];
  if (!(value >= min && value <= max)) return undefined;
  return limited === 'faces' ? Math.floor(value) : value;
}

/** Whether a model comes as it was made. */
export function isPlain(choices: DownloadChoices): boolean {
  const { faces, sideMm, megabytes, repair } = choices;
  return faces === null && sideMm === null && megabytes === null && !repair;
}

/** The query that adjusts a model to *choices*. */
export function adjustments(choices: DownloadChoices): URLSearchParams {
  const query = new URLSearchParams();
  if (choices.faces !== null) query.set('faces', String(choices.faces));
  if (choices.sideMm !== null) query.set(`${choices.side}_mm`, String(choices.sideMm));
  if (choices.megabytes !== null) {
    query.set('max_bytes', String(Math.round(choices.megabytes * 1e6)));
  }
  if (choices.repair) query.set('repair', 'true');
  return query;
}

/** The query of the ZIP file with all models, of which *offered* formats can be had. */
export function archiveQuery(
  choices: DownloadChoices,
  offered: readonly string[],
): URLSearchParams {
  const query = new URLSearchParams();
  for (const format of chosenFormats(choices, offered)) query.append('format', format);
  for (const [name, value] of adjustments(choices)) query.set(name, value);
  return query;
}

/** Those of the wanted formats that can be had; if it is none, the first that can. */
export function chosenFormats(choices: DownloadChoices, offered: readonly string[]): string[] {
  const found = choices.formats.filter((format) => offered.includes(format));
  return found.length > 0 ? found : offered.slice(0, 1);
}

/** In which formats the server can hand out a model. */
export function formatsOf(item: Item): string[] {
  const meshes = item.result?.files.filter((file) => file.role === 'mesh') ?? [];
  const given = meshes.map((file) => file.format);
  // What is made of a result is made of its first mesh.
  const made = given[0] !== undefined && SOURCES.includes(given[0]) ? FORMATS : [];
  return [...new Set([...made, ...given])];
}

/** In which formats every one of *items* can be had. */
export function commonFormats(items: readonly Item[]): string[] {
  const [first, ...others] = items.map(formatsOf);
  return (first ?? []).filter((format) => others.every((formats) => formats.includes(format)));
}
