import { expect, it } from 'vitest';
import { type Look, findHints } from './hints';

type Colour = [number, number, number, number];

function look(colour: (x: number, y: number) => Colour, fullPx = 1_024): Look {
  const side = 64;
  const pixels = new Uint8ClampedArray(side * side * 4);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) pixels.set(colour(x, y), (y * side + x) * 4);
  }
  return { pixels, widthPx: side, heightPx: side, fullWidthPx: fullPx, fullHeightPx: fullPx };
}

const inside = (x: number, y: number): boolean => Math.hypot(x - 32, y - 32) < 20;
const checked = (x: number, y: number): number => ((x + y) % 4 < 2 ? 40 : 220);

it('has nothing to say of a sharp subject on a plain ground', () => {
  expect(
    findHints(look((x, y) => (inside(x, y) ? [checked(x, y), 90, 90, 255] : [250, 250, 250, 255]))),
  ).toEqual([]);
});

it('notices small and blurred pictures', () => {
  const soft = (x: number): Colour => [100 + x, 100 + x, 100 + x, 255];
  expect(findHints(look(soft))).toContain('blurred');
  expect(findHints(look(soft, 200))).toContain('small');
});

it('notices a cut-out that touches the edge', () => {
  expect(findHints(look((x, y) => [checked(x, y), 90, 90, x < 40 ? 255 : 0]))).toContain('cut');
  expect(findHints(look((x, y) => [checked(x, y), 90, 90, inside(x, y) ? 255 : 0]))).not.toContain(
    'cut',
  );
});

it('notices a busy background', () => {
  const noise = (x: number, y: number): Colour => [
    (x * 97) % 256,
    (y * 61 + x * 31) % 256,
    (x * y) % 256,
    255,
  ];
  expect(findHints(look(noise))).toContain('busy');
});
