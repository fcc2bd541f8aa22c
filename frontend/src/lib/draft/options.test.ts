import { describe, expect, it } from 'vitest';
import { facesOf, fieldsOf, known, withDefaults } from './options';

const SCHEMA = {
  type: 'object',
  properties: {
    texture: { type: 'string', enum: ['no', 'standard', 'HD'], default: 'standard' },
    face_limit: { type: 'integer', title: 'Face limit', minimum: 500, maximum: 20_000 },
    pbr: { type: 'boolean', default: false },
    seed: { anyOf: [{ type: 'integer', minimum: 0 }, { type: 'null' }], default: null },
    prompt: { type: 'string' },
    parts: { type: 'array' },
  },
};
const FIELDS = fieldsOf(SCHEMA);

describe('fieldsOf', () => {
  it('makes a field of every property that a form can show', () => {
    expect(FIELDS.map(({ kind, name }) => `${name}: ${kind}`)).toEqual([
      'texture: choice',
      'face_limit: number',
      'pbr: switch',
      'seed: number',
      'prompt: text',
    ]);
  });

  it('reads through a choice between a number and nothing', () => {
    expect(FIELDS[3]).toMatchObject({
      title: 'Seed',
      min: 0,
      max: null,
      whole: true,
      initial: null,
    });
  });
});

describe('options', () => {
  it('drops what was remembered and no longer fits', () => {
    const remembered = { texture: 'ultra', face_limit: 100, pbr: true, gone: 1, seed: 7 };
    expect(known(FIELDS, remembered)).toEqual({ pbr: true, seed: 7 });
  });

  it('fills in defaults where there are any', () => {
    expect(withDefaults(FIELDS, { pbr: true })).toEqual({ texture: 'standard', pbr: true });
  });
});

it('keeps face levels within the range of the generator', () => {
  const limit = FIELDS[1];
  if (limit?.kind !== 'number') throw new Error('not a number');
  expect(facesOf('low', limit)).toBe(5_000);
  expect(facesOf('high', limit)).toBe(20_000);
  expect(facesOf('auto', limit)).toBeNull();
});
