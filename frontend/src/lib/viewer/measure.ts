/** What the viewer measures; pure functions over corners of a box. */

export interface Corner {
  x: number;
  y: number;
  z: number;
}

export interface Edge {
  name: 'width' | 'height' | 'depth';
  mm: number;
  /** The middle of the edge, in the model's units. */
  at: [number, number, number];
}

/** Cells per side that are easy to count. */
const CELLS = 12;

/** Chooses a cell of 1, 2, 5, 10, 20, 50 … mm so that *longestMm* spans about a dozen. */
export function gridCellMm(longestMm: number): number {
  const wanted = Math.max(longestMm, 1e-3) / CELLS;
  const power = 10 ** Math.floor(Math.log10(wanted));
  const step = [1, 2, 5, 10].find((one) => one * power >= wanted) ?? 10;
  return step * power;
}

/** Finds the edges of a box beside which its sizes are best written, seen from *eye*. */
export function edgesOf(box: { min: Corner; max: Corner }, eye: Corner, mmPerUnit: number): Edge[] {
  const { min, max } = box;
  const middle = { x: (min.x + max.x) / 2, y: (min.y + max.y) / 2, z: (min.z + max.z) / 2 };
  const nearX = eye.x >= middle.x ? max.x : min.x;
  const nearZ = eye.z >= middle.z ? max.z : min.z;
  const farX = nearX === max.x ? min.x : max.x;
  return [
    { name: 'width', mm: (max.x - min.x) * mmPerUnit, at: [middle.x, min.y, nearZ] },
    { name: 'height', mm: (max.y - min.y) * mmPerUnit, at: [farX, middle.y, nearZ] },
    { name: 'depth', mm: (max.z - min.z) * mmPerUnit, at: [nearX, min.y, middle.z] },
  ];
}
