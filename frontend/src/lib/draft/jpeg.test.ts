import { expect, it } from 'vitest';
import { jpegPixels } from './jpeg';

const APP1 = [0xff, 0xe1, 0, 6, 1, 2, 3, 4];
const FRAME = [0xff, 0xc0, 0, 17, 8, 0x2f, 0xd0, 0x3f, 0xc0, 3];

it('reads how many pixels a JPEG has', async () => {
  const jpeg = new Blob([new Uint8Array([0xff, 0xd8, ...APP1, 0xff, ...FRAME, 0, 0])]);
  expect(await jpegPixels(jpeg)).toBe(16_320 * 12_240);
});

it('reads nothing of what is no JPEG or stops early', async () => {
  expect(await jpegPixels(new Blob(['PNG']))).toBe(0);
  expect(await jpegPixels(new Blob([]))).toBe(0);
  expect(await jpegPixels(new Blob([new Uint8Array([0xff, 0xd8, ...APP1])]))).toBe(0);
});
