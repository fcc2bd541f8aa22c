/** Looks at a picture's pixels for what often spoils models, before anything is paid. */

export type Hint = 'small' | 'blurred' | 'cut' | 'busy';

/** Longest side at which pictures are looked at, in pixels: enough for all of these. */
export const LOOK_PX = 160;

/** Models keep little of anything smaller. */
const SMALL_PX = 256;
/** Variance of the Laplacian below which most people call a picture blurred. */
const BLUR_VARIANCE = 18;
/** Spread of the border's colours beyond which no plain background is found, per channel. */
const BUSY_SPREAD = 42;

export interface Look {
  /** RGBA, row by row. */
  pixels: Uint8ClampedArray;
  widthPx: number;
  heightPx: number;
  /** The picture's own size. */
  fullWidthPx: number;
  fullHeightPx: number;
}

export function findHints(look: Look): Hint[] {
  const hints: Hint[] = [];
  const hasAlpha = isCutOut(look);
  if (Math.min(look.fullWidthPx, look.fullHeightPx) < SMALL_PX) hints.push('small');
  else if (laplacianVariance(look) < BLUR_VARIANCE) hints.push('blurred');
  if (hasAlpha && solidBorderShare(look) > 0.06) hints.push('cut');
  if (!hasAlpha && borderSpread(look) > BUSY_SPREAD) hints.push('busy');
  return hints;
}

/** Whether anything is transparent, so that the subject is known. */
function isCutOut({ pixels }: Look): boolean {
  for (let at = 3; at < pixels.length; at += 4) if ((pixels[at] ?? 255) < 128) return true;
  return false;
}

/** Positions of the outermost pixels in `pixels`. */
function border({ widthPx, heightPx }: Look): number[] {
  const places: number[] = [];
  for (let x = 0; x < widthPx; x++) places.push(x * 4, ((heightPx - 1) * widthPx + x) * 4);
  for (let y = 1; y < heightPx - 1; y++) {
    places.push(y * widthPx * 4, (y * widthPx + widthPx - 1) * 4);
  }
  return places;
}

function solidBorderShare(look: Look): number {
  const places = border(look);
  return places.filter((at) => (look.pixels[at + 3] ?? 0) > 200).length / places.length;
}

/** Mean absolute distance of the border's colours from their median. */
function borderSpread(look: Look): number {
  const places = border(look);
  let sum = 0;
  for (const channel of [0, 1, 2]) {
    const values = places.map((at) => look.pixels[at + channel] ?? 0).sort((a, b) => a - b);
    const median = values[values.length >> 1] ?? 0;
    sum += values.reduce((total, value) => total + Math.abs(value - median), 0) / values.length;
  }
  return sum / 3;
}

/** Sharpness as in Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", 2000. */
function laplacianVariance({ pixels, widthPx, heightPx }: Look): number {
  const grey = (x: number, y: number): number => {
    const at = (y * widthPx + x) * 4;
    const weight = (pixels[at + 3] ?? 255) / 255;
    const value =
      0.299 * (pixels[at] ?? 0) + 0.587 * (pixels[at + 1] ?? 0) + 0.114 * (pixels[at + 2] ?? 0);
    return value * weight;
  };
  let sum = 0;
  let squares = 0;
  let count = 0;
  for (let y = 1; y < heightPx - 1; y++) {
    for (let x = 1; x < widthPx - 1; x++) {
      const value =
        grey(x - 1, y) + grey(x + 1, y) + grey(x, y - 1) + grey(x, y + 1) - 4 * grey(x, y);
      sum += value;
      squares += value * value;
      count += 1;
    }
  }
  return count ? squares / count - (sum / count) ** 2 : Infinity;
}
