/** What the server takes, and why a picture is beyond it. */
import type { Limits } from '../api/types';

/** Why a picture cannot be sent; the server would refuse it, too. */
export type Refusal = 'type' | 'large' | 'empty' | 'pixels' | 'tiny' | 'unreadable' | 'server';

/** Until the server has said: what it takes if nobody has changed its settings. */
export const USUAL_LIMITS: Limits = {
  items_per_job: 25,
  views_per_item: 8,
  picture_bytes: 25_000_000,
  picture_pixels: 50_000_000,
  picture_min_px: 16,
  picture_max_px: 16_383,
  picture_types: ['image/jpeg', 'image/png', 'image/webp', 'image/avif', 'image/heic'],
  sheet_bytes: 5_000_000,
  unfinished_jobs: 100,
  unfinished_items: null,
  drafts: null,
  stored_bytes: null,
  derived_bytes: null,
  may_pay: true,
  keep: 'keep',
  keep_s: null,
  links_s: 86_400,
};

const EXTENSIONS: Readonly<Record<string, string>> = {
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  png: 'image/png',
  webp: 'image/webp',
  avif: 'image/avif',
  heic: 'image/heic',
  heif: 'image/heic',
};

/** A JPEG may have this many times the pixels … */
const JPEG_PIXELS = 5;
/** … and this many times the side. */
const JPEG_SHRINKS = 8;

interface Size {
  widthPx: number;
  heightPx: number;
}

/** Tells the media type of a picture by what the browser says, else by its extension; "": none. */
export function pictureType(file: Pick<File, 'name' | 'type'>): string {
  if (file.type.startsWith('image/')) return file.type.replace('heif', 'heic');
  return EXTENSIONS[file.name.split('.').pop()?.toLowerCase() ?? ''] ?? '';
}

/** Tells why a file cannot be sent; null: nothing is known against it. */
export function refusalOf(
  file: Pick<File, 'name' | 'type' | 'size'>,
  size: Size | null,
  limits: Limits,
): Refusal | null {
  if (file.size === 0) return 'empty';
  if (!limits.picture_types.includes(pictureType(file))) return 'type';
  if (file.size > limits.picture_bytes) return 'large';
  if (!size) return null;
  const { widthPx, heightPx } = size;
  if (Math.min(widthPx, heightPx) < limits.picture_min_px) return 'tiny';
  // The server scales a JPEG down while it reads it.
  const shrinks = pictureType(file) === 'image/jpeg';
  const sideLimit = limits.picture_max_px * (shrinks ? JPEG_SHRINKS : 1);
  const limit = limits.picture_pixels * (shrinks ? JPEG_PIXELS : 1);
  const beyond = Math.max(widthPx, heightPx) > sideLimit;
  return beyond || widthPx * heightPx > limit ? 'pixels' : null;
}

/** "image/jpeg" as "JPEG". */
export function typeName(mediaType: string): string {
  const name = mediaType.split('/')[1] ?? mediaType;
  return name === 'webp' ? 'WebP' : name.toUpperCase();
}
