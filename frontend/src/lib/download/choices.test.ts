import { describe, expect, it } from 'vitest';
import type { Item } from '../api/types';
import {
  AS_MADE,
  adjustments,
  archiveQuery,
  commonFormats,
  formatsOf,
  isPlain,
  readNumber,
} from './choices';

const item = (...formats: string[]): Item =>
  ({ result: { files: formats.map((format) => ({ role: 'mesh', format })) } }) as unknown as Item;

describe('formatsOf', () => {
  it('offers every format for what the server can read', () => {
    expect(formatsOf(item('glb'))).toContain('usdz');
    expect(formatsOf(item('glb', 'fbx')).at(-1)).toBe('fbx');
  });

  it('offers what it cannot read as it is, and nothing where nothing was made', () => {
    expect(formatsOf(item('fbx'))).toEqual(['fbx']);
    expect(formatsOf(item())).toEqual([]);
  });
});

it('offers for all models what each of them has', () => {
  expect(commonFormats([item('glb', 'fbx'), item('glb')])).not.toContain('fbx');
  expect(commonFormats([item('fbx'), item('glb')])).toEqual([]);
  expect(commonFormats([])).toEqual([]);
});

it('asks for nothing where nothing is chosen', () => {
  expect(isPlain(AS_MADE)).toBe(true);
  expect(String(adjustments(AS_MADE))).toBe('');
});

it('asks for what is chosen in the words of the API', () => {
  const choices = {
    ...AS_MADE,
    faces: 5_000,
    side: 'width',
    sideMm: 80.5,
    megabytes: 1.5,
  } as const;
  expect(String(adjustments({ ...choices, repair: true }))).toBe(
    'faces=5000&width_mm=80.5&max_bytes=1500000&repair=true',
  );
});

it('asks for a ZIP in the chosen formats, as far as they can be had', () => {
  const choices = { ...AS_MADE, formats: ['glb', 'stl'], faces: 500 };
  expect(String(archiveQuery(choices, ['glb', 'stl']))).toBe('format=glb&format=stl&faces=500');
  expect(String(archiveQuery(choices, ['fbx']))).toBe('format=fbx&faces=500');
  expect(String(archiveQuery(AS_MADE, []))).toBe('');
});

describe('readNumber', () => {
  it('takes an empty field for no wish', () => expect(readNumber(' ', 'faces')).toBeNull());
  it('takes whole faces', () => expect(readNumber('500.9', 'faces')).toBe(500));
  it('refuses what the server would refuse', () => {
    expect(readNumber('11', 'faces')).toBeUndefined();
    expect(readNumber('0', 'sideMm')).toBeUndefined();
    expect(readNumber('tall', 'sideMm')).toBeUndefined();
  });
});
