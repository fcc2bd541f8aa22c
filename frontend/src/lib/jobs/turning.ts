/** Which picture of a turntable is shown; pure functions. */
import type { Item } from '../api/types';

/** How the pictures of a sprite lie: in rows from the top left, the front first. */
export interface Turntable {
  views: number;
  columns: number;
}

/** Reads how an item's sprite is laid out; null: it has none. */
export function turntableOf(item: Item): Turntable | null {
  const told = item.result?.facts['sprite'] as Partial<Turntable> | undefined;
  if (!told?.views || !told.columns) return null;
  return { views: told.views, columns: told.columns };
}

/**
 * Chooses the picture for a pointer over the card: the front in the middle, the back at the edges.
 *
 * @param across Where the pointer is, 0.0 at the left edge to 1.0 at the right one.
 */
export function viewAt(across: number, views: number): number {
  const turned = Math.round((Math.min(Math.max(across, 0), 1) - 0.5) * views);
  return ((-turned % views) + views) % views;
}

/** Where a picture lies, as a CSS `background-position`. */
export function positionOf(view: number, { views, columns }: Turntable): string {
  const rows = Math.ceil(views / columns);
  const share = (place: number, count: number): number =>
    (count > 1 ? place / (count - 1) : 0) * 100;
  return `${share(view % columns, columns)}% ${share(Math.floor(view / columns), rows)}%`;
}

/** How large the whole sprite is beside one picture, as a CSS `background-size`. */
export function sizeOf({ views, columns }: Turntable): string {
  return `${columns * 100}% ${Math.ceil(views / columns) * 100}%`;
}
