/** Looks at a picture's pixels for what often spoils models, before anything is paid. */

import { countObjects } from './objects';

export type Hint = 'small' | 'blurred' | 'cut' | 'busy' | 'pale' | 'several';

/** Longest side at which pictures are looked at, in pixels: enough for all of these. */
export const LOOK_PX = 320;

/** Models keep little of anything smaller. */
const SMALL_PX = 256;
/** Blur, 0.0–1.0: sharp pictures of smooth things come to 0.56, 10 px at 1,024 px to 0.72. */
const BLUR = 0.62;
/** Pixels over which a picture is blurred once more, to see how much there was to lose. */
const BLUR_REACH_PX = 4;
/** Mean distance of the border's colours from their median beyond which none of them is ground. */
const BUSY_SPREAD = 42;
/** Distance from the ground's colour, in one channel, from which on a pixel is the object's. */
const OBJECT_DISTANCE = 56;
/** Share of a side that the object covers where it goes on outside of the picture. */
const CUT_SHARE = 0.07;
const SOLID_ALPHA = 200;
/** Brightness, 0–255, from which on the ground hides pale parts of the object. */
const BRIGHT_GROUND = 215;
/** Least step of brightness, between neighbours, at the edge of a pale part. */
const FAINT_STEP = 2.6;
/** Pixels around the object's strong edges where a JPEG leaves ripples. */
const RIPPLE_PX = 5;
/** Pixels of faint edges from which on they are a part and not a speck. */
const FAINT_EDGE_PX = 50;

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
  const cutOut = isCutOut(look);
  const ground = groundOf(look);
  const busy = !cutOut && ground.spread > BUSY_SPREAD;
  if (Math.min(look.fullWidthPx, look.fullHeightPx) < SMALL_PX) hints.push('small');
  else if (blurOf(look) > BLUR) hints.push('blurred');
  const isObject = cutOut ? solid : unlike(ground.colour);
  if (busy) hints.push('busy');
  else {
    if (longestRun(look, isObject) > CUT_SHARE) hints.push('cut');
    if (!cutOut && hasPaleParts(look, ground)) hints.push('pale');
    if (countObjects(look, isObject) > 1) hints.push('several');
  }
  return hints;
}

/** Whether something ends sharply on a bright ground though it is hardly darker than that. */
function hasPaleParts(look: Look, ground: { colour: number[]; spread: number }): boolean {
  if (Math.min(...ground.colour) < BRIGHT_GROUND) return false;
  const { pixels, widthPx, heightPx } = look;
  const grey = greyOf(look);
  const level =
    0.299 * (ground.colour[0] ?? 0) +
    0.587 * (ground.colour[1] ?? 0) +
    0.114 * (ground.colour[2] ?? 0);
  const isObject = unlike(ground.colour);
  const near = new Uint8Array(grey.length);
  for (let y = 0; y < heightPx; y++) {
    for (let x = 0; x < widthPx; x++) {
      if (!isObject(pixels, (y * widthPx + x) * 4)) continue;
      for (
        let row = Math.max(0, y - RIPPLE_PX);
        row <= Math.min(heightPx - 1, y + RIPPLE_PX);
        row++
      ) {
        near.fill(
          1,
          row * widthPx + Math.max(0, x - RIPPLE_PX),
          row * widthPx + Math.min(widthPx, x + RIPPLE_PX + 1),
        );
      }
    }
  }
  const least = FAINT_STEP + 4 * ground.spread;
  let edges = 0;
  for (let y = 1; y < heightPx - 1; y++) {
    for (let x = 1; x < widthPx - 1; x++) {
      const at = y * widthPx + x;
      if (near[at]) continue;
      const value = (place: number): number => grey[place] ?? 0;
      const step = Math.max(
        Math.abs(value(at + 1) - value(at - 1)),
        Math.abs(value(at + widthPx) - value(at - widthPx)),
      );
      // A shadow fades in over many pixels; the edge of a part is behind two.
      if (step >= least && Math.abs(value(at) - level) < OBJECT_DISTANCE) edges += 1;
    }
  }
  return edges >= FAINT_EDGE_PX;
}

export type Test = (pixels: Uint8ClampedArray, at: number) => boolean;

const solid: Test = (pixels, at) => (pixels[at + 3] ?? 0) > SOLID_ALPHA;

function unlike(colour: readonly number[]): Test {
  return (pixels, at) =>
    colour.some(
      (value, channel) => Math.abs((pixels[at + channel] ?? 0) - value) > OBJECT_DISTANCE,
    );
}

/** Whether anything is transparent, so that the subject is known. */
function isCutOut({ pixels }: Look): boolean {
  for (let at = 3; at < pixels.length; at += 4) if ((pixels[at] ?? 255) < 128) return true;
  return false;
}

/** Positions of the outermost pixels in `pixels`, side by side. */
function sides({ widthPx, heightPx }: Look): number[][] {
  const across = [...Array(widthPx).keys()];
  const down = [...Array(heightPx).keys()];
  return [
    across.map((x) => x * 4),
    across.map((x) => ((heightPx - 1) * widthPx + x) * 4),
    down.map((y) => y * widthPx * 4),
    down.map((y) => (y * widthPx + widthPx - 1) * 4),
  ];
}

/** The median of the border's colours, and their mean absolute distance from it. */
function groundOf(look: Look): { colour: number[]; spread: number } {
  const places = sides(look).flat();
  const colour: number[] = [];
  let sum = 0;
  for (const channel of [0, 1, 2]) {
    const values = places.map((at) => look.pixels[at + channel] ?? 0).sort((a, b) => a - b);
    const median = values[values.length >> 1] ?? 0;
    colour.push(median);
    sum += values.reduce((total, value) => total + Math.abs(value - median), 0) / values.length;
  }
  return { colour, spread: sum / 3 };
}

/** The longest unbroken run along one side of pixels that *test* finds, as a share of the side. */
function longestRun(look: Look, test: Test): number {
  let longest = 0;
  for (const side of sides(look)) {
    let run = 0;
    for (const at of side) {
      run = test(look.pixels, at) ? run + 1 : 0;
      longest = Math.max(longest, run / side.length);
    }
  }
  return longest;
}

/**
 * How blurred the picture is, 0.0–1.0: how little it loses when it is blurred once more.
 *
 * Crété, Dolmière, Ladret, Nicolas, "The blur effect: perception and estimation with a new
 * no-reference perceptual blur metric", 2007.
 */
function blurOf(look: Look): number {
  const { widthPx, heightPx } = look;
  const grey = greyOf(look);
  return Math.max(
    blurAlong(grey, heightPx, widthPx, widthPx, 1),
    blurAlong(grey, widthPx, heightPx, 1, widthPx),
  );
}

/** Brightness on a middle grey ground, so that the outline of a cut-out counts, too. */
function greyOf({ pixels }: Look): Float32Array {
  const grey = new Float32Array(pixels.length / 4);
  for (let place = 0; place < grey.length; place++) {
    const at = place * 4;
    const weight = (pixels[at + 3] ?? 255) / 255;
    const value =
      0.299 * (pixels[at] ?? 0) + 0.587 * (pixels[at + 1] ?? 0) + 0.114 * (pixels[at + 2] ?? 0);
    grey[place] = value * weight + 128 * (1 - weight);
  }
  return grey;
}

function blurAlong(
  grey: Float32Array,
  lines: number,
  length: number,
  lineStep: number,
  step: number,
): number {
  let variation = 0;
  let lost = 0;
  const sums = new Float32Array(length + 1);
  for (let line = 0; line < lines; line++) {
    const start = line * lineStep;
    const value = (n: number): number => grey[start + n * step] ?? 0;
    for (let n = 0; n < length; n++) sums[n + 1] = (sums[n] ?? 0) + value(n);
    const blurred = (n: number): number => {
      const from = Math.max(0, n - BLUR_REACH_PX);
      const to = Math.min(length, n + BLUR_REACH_PX + 1);
      return ((sums[to] ?? 0) - (sums[from] ?? 0)) / (to - from);
    };
    for (let n = 1; n < length; n++) {
      const before = Math.abs(value(n) - value(n - 1));
      variation += before;
      lost += Math.max(0, before - Math.abs(blurred(n) - blurred(n - 1)));
    }
  }
  // A picture of one colour is not blurred, it is empty.
  return variation ? 1 - lost / variation : 0;
}
