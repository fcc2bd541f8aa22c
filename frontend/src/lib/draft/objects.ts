/** Counts the objects in a picture. */
import type { Look, Test } from './hints';

/** Of the narrower one's width, by how much parts overlap that stand above each other. */
const STACKED_SHARE = 0.6;
/** Share of the largest object from which on another part is an object of its own. */
const OBJECT_SHARE = 0.25;
const SMALLEST_OBJECT_SHARE = 0.004;

/**
 * Counts the large parts of the object that do not touch.
 *
 * Parts that stand above each other count as one: a band as bright as the ground divides them.
 */
export function countObjects({ pixels, widthPx, heightPx }: Look, test: Test): number {
  const seen = new Uint8Array(widthPx * heightPx);
  const parts: { area: number; left: number; right: number }[] = [];
  const stack: number[] = [];
  for (let first = 0; first < seen.length; first++) {
    if (seen[first] || !test(pixels, first * 4)) continue;
    let area = 0;
    let left = widthPx;
    let right = 0;
    seen[first] = 1;
    stack.push(first);
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      area += 1;
      const [x, y] = [at % widthPx, Math.floor(at / widthPx)];
      left = Math.min(left, x);
      right = Math.max(right, x + 1);
      // Parts that almost touch are one.
      for (let row = Math.max(0, y - 2); row <= Math.min(heightPx - 1, y + 2); row++) {
        for (let column = Math.max(0, x - 2); column <= Math.min(widthPx - 1, x + 2); column++) {
          const next = row * widthPx + column;
          if (seen[next] || !test(pixels, next * 4)) continue;
          seen[next] = 1;
          stack.push(next);
        }
      }
    }
    parts.push({ area, left, right });
  }
  const least = Math.max(
    OBJECT_SHARE * Math.max(0, ...parts.map(({ area }) => area)),
    SMALLEST_OBJECT_SHARE * widthPx * heightPx,
  );
  const apart: typeof parts = [];
  for (const part of parts.filter(({ area }) => area >= least)) {
    const isAbove = apart.some((other) => {
      const common = Math.min(part.right, other.right) - Math.max(part.left, other.left);
      const narrower = Math.min(part.right - part.left, other.right - other.left);
      return common > STACKED_SHARE * narrower;
    });
    if (!isAbove) apart.push(part);
  }
  return apart.length;
}
