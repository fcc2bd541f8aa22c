import { describe, expect, it } from 'vitest';
import type { SheetRow } from '../api/types';
import { matchRows, pictureKey, sheetOf, templateOf } from './sheet-match';

const row = (number: number, picture: string, metadata = {}): SheetRow => ({
  row: number,
  picture,
  key: pictureKey(picture),
  name: '',
  generator: '',
  metadata: { picture, ...metadata },
});
const subject = (...names: string[]): { pictures: { file: { name: string } }[] } => ({
  pictures: names.map((name) => ({ file: { name } })),
});

it.each([
  ['photos/Jug.PNG', 'jug'],
  ['C:\\photos\\jug.jpeg', 'jug'],
  ['jug', 'jug'],
  ['v1.2 jug.png', 'v1.2 jug'],
  ['.png', 'png'],
  ['Ga\u0308nsekrug.png', 'g\u00e4nsekrug'],
  ['a  b?.png', 'a b'],
])('compares %s as %s', (name, key) => {
  expect(pictureKey(name)).toBe(key);
});

describe('matchRows', () => {
  it('finds subjects by any of their pictures', () => {
    const [jug, owl] = [subject('JUG.png'), subject('owl_front.png', 'owl_back.png')];
    const found = matchRows([row(2, 'owl_back'), row(3, 'jug.jpg')], [jug, owl]);
    expect(found.rows.get(jug)?.row).toBe(3);
    expect(found.rows.get(owl)?.row).toBe(2);
    expect(found.left).toEqual([]);
  });

  it('says which rows describe nothing, and why', () => {
    const subjects = [subject('a.png'), subject('a.jpg'), subject('b.png', 'c.png')];
    const rows = [row(2, 'z'), row(3, 'a'), row(4, 'b'), row(5, 'c')];
    const { left } = matchRows(rows, subjects);
    expect(left.map(({ row: { row: number }, why }) => [number, why])).toEqual([
      [2, 'absent'],
      [3, 'ambiguous'],
      [5, 'taken'],
    ]);
  });
});

it('writes rows so that they are read as they were', async () => {
  const rows = [
    row(2, 'a.png', { title: 'Jug, "old"', height_mm: 212.5 }),
    { ...row(3, 'b.png', { notes: 'two\nlines' }), generator: 'local/puff' },
  ];
  expect(await sheetOf(rows).text()).toBe(
    'picture,generator,title,height_mm,notes\r\n' +
      'a.png,,"Jug, ""old""",212.5,\r\n' +
      'b.png,local/puff,,,"two\nlines"',
  );
});

it('writes a sheet to fill in', async () => {
  // Blob.text() drops the mark at the beginning.
  expect(await templateOf(['a.png', 'b, c.png']).text()).toBe(
    'picture,title,height_mm,notes\r\na.png,,,\r\n"b, c.png",,,\r\n',
  );
});
