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
  const near = (x: number, y: number): number =>
    255 / (1 + Math.exp((Math.hypot(x - 32, y - 32) - 20) / 6));
  const soft = (x: number, y: number): Colour => [near(x, y), near(x, y), near(x, y), 255];
  expect(findHints(look(soft))).toContain('blurred');
  expect(findHints(look(soft, 200))).toContain('small');
  const sharp = (x: number, y: number): Colour => [inside(x, y) ? 250 : 20, 90, 90, 255];
  expect(findHints(look(sharp))).toEqual([]);
});

it('notices an object that goes on outside of the picture', () => {
  const right = (x: number): boolean => x > 40;
  expect(findHints(look((x, y) => [checked(x, y), 90, 90, right(x) ? 255 : 0]))).toContain('cut');
  expect(findHints(look((x, y) => [checked(x, y), 90, 90, inside(x, y) ? 255 : 0]))).toEqual([]);
  const shelf = (x: number, y: number): Colour =>
    y > 30 && Math.abs(x - 32) < 9 ? [20, checked(x, y), 30, 255] : [240, 240, 235, 255];
  expect(findHints(look(shelf))).toEqual(['cut']);
});

it('takes a shadow on the ground for no object', () => {
  const shade = (x: number, y: number): Colour => {
    const ground = 245 - Math.max(0, y - 32) * 1.4;
    return inside(x, y) ? [checked(x, y), 90, 90, 255] : [ground, ground, ground, 255];
  };
  expect(findHints(look(shade))).toEqual([]);
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

it('notices parts that are hardly darker than a bright ground', () => {
  const seat = (x: number, y: number): boolean => y > 8 && y < 30 && x > 14 && x < 50;
  const legs = (x: number, y: number): boolean =>
    y >= 36 && y < 62 && [16, 24, 40, 46].some((left) => x >= left && x < left + 4);
  for (const leg of [252, 244]) {
    const chair = (x: number, y: number): Colour =>
      seat(x, y)
        ? [checked(x, y), 60, 30, 255]
        : legs(x, y)
          ? [leg, leg, leg, 255]
          : [255, 255, 255, 255];
    expect(findHints(look(chair))).toEqual(['pale']);
  }
  const shaded = (x: number, y: number): Colour => {
    const ground = 255 - 40 * Math.exp(-((y - 40) ** 2 + (x - 32) ** 2) / 300);
    return seat(x, y) ? [checked(x, y), 60, 30, 255] : [ground, ground, ground, 255];
  };
  expect(findHints(look(shaded))).toEqual([]);
});

it('notices several objects', () => {
  const three = (x: number, y: number): Colour =>
    [11, 32, 53].some((middle) => Math.hypot(x - middle, y - 32) < 8)
      ? [checked(x, y), 90, 90, 255]
      : [250, 250, 250, 255];
  expect(findHints(look(three))).toEqual(['several']);
  const clear = (x: number, y: number): Colour => {
    const [red, green, blue] = three(x, y);
    return [red, green, blue, red === 250 ? 0 : 255];
  };
  expect(findHints(look(clear))).toEqual(['several']);
});

it('takes an object with a band as bright as the ground for one', () => {
  const banded = (x: number, y: number): Colour =>
    Math.hypot((x - 32) * 1.6, y - 32) < 26 && (y < 26 || y > 36)
      ? [checked(x, y), 40, 120, 255]
      : [222, 224, 228, 255];
  expect(findHints(look(banded))).toEqual([]);
});
