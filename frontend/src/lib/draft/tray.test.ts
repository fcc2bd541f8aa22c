import { beforeEach, expect, it, vi } from 'vitest';
import { USUAL_LIMITS } from './limits';
import { PictureTray } from './tray.svelte';

const LIMITS = { ...USUAL_LIMITS, items_per_job: 3 };

const picture = (name: string): File => new File([name], `${name}.png`, { type: 'image/png' });
const note = (name: string): File => new File([name], `${name}.txt`, { type: 'text/plain' });
const names = (tray: PictureTray): string[] => tray.usable.map((one) => one.name);

/** Pictures whose name says so turn out to be damaged. */
beforeEach(() => {
  vi.stubGlobal('createImageBitmap', async (file: File) => {
    if (file.name.startsWith('damaged')) throw new Error('damaged');
    return Promise.resolve({ width: 100, height: 100, close: () => undefined });
  });
  vi.stubGlobal(
    'OffscreenCanvas',
    class {
      getContext(): null {
        return null;
      }
    },
  );
});

it('gives places to what can be made and to nothing else', () => {
  const tray = new PictureTray(() => LIMITS);
  const empty = new File([], 'empty.png', { type: 'image/png' });
  expect(tray.add([note('a'), note('b'), empty, ...['1', '2', '3', '4'].map(picture)])).toBe(3);
  expect(names(tray)).toEqual(['1', '2', '3']);
  expect(tray.subjects).toHaveLength(6);
  expect(tray.leftOut.map((file) => file.name)).toEqual(['4.png']);
});

it('tells of many files that are no pictures without showing each', () => {
  const tray = new PictureTray(() => LIMITS);
  tray.add(Array.from({ length: 50 }, (_, n) => note(`note ${n}`)));
  expect(tray.subjects).toHaveLength(3);
  expect(tray.ignored).toBe(47);
  expect(tray.add([picture('1')])).toBe(1);
});

it('takes in what was left out when there is room', async () => {
  const tray = new PictureTray(() => LIMITS);
  tray.add(['1', '2', '3', '4', '5'].map(picture));
  expect(tray.room).toBe(0);
  const [first] = tray.subjects;
  if (first) tray.remove(first);
  expect(tray.room).toBe(1);
  expect(tray.addLeftOut()).toBe(1);
  expect(names(tray)).toEqual(['2', '3', '4']);
  expect(tray.leftOut).toHaveLength(1);
  await Promise.resolve();
});

it('gives the place of a damaged picture to the next', async () => {
  const tray = new PictureTray(() => LIMITS);
  tray.add(['1', 'damaged', '3', '4', '5'].map(picture));
  await vi.waitFor(() => expect(names(tray)).toEqual(['1', '3', '4']));
  expect(tray.leftOut.map((file) => file.name)).toEqual(['5.png']);
});

it('counts what is dropped twice once', () => {
  const tray = new PictureTray(() => LIMITS);
  const files = ['1', '2', '3', '4'].map(picture);
  tray.add(files);
  tray.add(files);
  expect(tray.subjects).toHaveLength(3);
  expect(tray.leftOut).toHaveLength(1);
});

it('brings back what was kept before what is there', () => {
  const tray = new PictureTray(() => LIMITS);
  tray.add([picture('new')]);
  const count = tray.restore([
    {
      name: 'Duck',
      pictures: [
        { key: 'k1', view: 'front', file: picture('duck_front') },
        { key: 'k2', view: 'back', file: picture('duck_back') },
      ],
    },
    { name: 'new', pictures: [{ key: 'k3', view: 'front', file: picture('new') }] },
  ]);
  expect(tray.subjects.map((one) => one.name)).toEqual(['Duck', 'new']);
  expect(tray.subjects[0]?.pictures.map(({ key, view }) => [key, view])).toEqual([
    ['k1', 'front'],
    ['k2', 'back'],
  ]);
  expect(count).toBe(2);
});
