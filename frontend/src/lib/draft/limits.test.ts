import { expect, it } from 'vitest';
import { USUAL_LIMITS, pictureType, refusalOf, typeName } from './limits';

const file = (name: string, type = '', size = 1_000): Pick<File, 'name' | 'type' | 'size'> => ({
  name,
  type,
  size,
});

it('knows pictures by their type, else by their extension', () => {
  expect(pictureType(file('a', 'image/png'))).toBe('image/png');
  expect(pictureType(file('A.JPG'))).toBe('image/jpeg');
  expect(pictureType(file('a.heif', 'image/heif'))).toBe('image/heic');
  expect(pictureType(file('notes.txt', 'text/plain'))).toBe('');
});

it.each([
  [file('a.png', 'image/png'), null, null],
  [file('a.png', 'image/png', 0), null, 'empty'],
  [file('a.png', 'image/png', 25_000_001), null, 'large'],
  [file('a.heic'), null, null],
  [file('a.svg', 'image/svg+xml'), null, 'type'],
  [file('a.png'), { widthPx: 15, heightPx: 900 }, 'tiny'],
  [file('a.png'), { widthPx: 8_000, heightPx: 8_000 }, 'pixels'],
  [file('a.png'), { widthPx: 17_000, heightPx: 20 }, 'pixels'],
  [file('a.jpg'), { widthPx: 16_320, heightPx: 12_240 }, null],
  [file('a.jpg'), { widthPx: 20_000, heightPx: 14_000 }, 'pixels'],
  [file('a.png'), { widthPx: 6_000, heightPx: 8_000 }, null],
] as const)('of %o, %o px says %s', (one, size, refusal) => {
  expect(refusalOf(one, size, USUAL_LIMITS)).toBe(refusal);
});

it('takes what the server takes', () => {
  const limits = { ...USUAL_LIMITS, picture_types: ['image/heic'], picture_bytes: 10 };
  expect(refusalOf(file('a.heic', '', 10), null, limits)).toBeNull();
  expect(refusalOf(file('a.heic', '', 11), null, limits)).toBe('large');
});

it('names types as people do', () => {
  expect(['image/jpeg', 'image/webp', 'image/avif'].map(typeName)).toEqual([
    'JPEG',
    'WebP',
    'AVIF',
  ]);
});
