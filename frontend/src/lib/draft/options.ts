/** Reads a generator's JSON Schema as a form. */
import type { Options } from '../api/types';

export type Field =
  | {
      kind: 'choice';
      name: string;
      title: string;
      about: string;
      values: (string | number)[];
      initial: unknown;
    }
  | { kind: 'switch'; name: string; title: string; about: string; initial: boolean }
  | {
      kind: 'number';
      name: string;
      title: string;
      about: string;
      min: number | null;
      max: number | null;
      whole: boolean;
      /** Null: left to the generator unless given. */
      initial: number | null;
    }
  | { kind: 'text'; name: string; title: string; about: string; initial: string };

interface Property {
  type?: string | string[];
  title?: string;
  description?: string;
  default?: unknown;
  enum?: unknown[];
  minimum?: number;
  maximum?: number;
  anyOf?: Property[];
}

/** Lists the fields of the form in the schema's order. */
export function fieldsOf(schema: Record<string, unknown>): Field[] {
  const properties = (schema['properties'] ?? {}) as Record<string, Property>;
  return Object.entries(properties).flatMap(([name, property]) => field(name, property) ?? []);
}

function field(name: string, given: Property): Field | null {
  const property = { ...given, ...given.anyOf?.find((one) => one.type !== 'null') };
  const title = given.title ?? sentence(name);
  const about = given.description ?? '';
  const types = [property.type ?? []].flat();
  if (property.enum) {
    const values = property.enum.filter(
      (one) => typeof one === 'string' || typeof one === 'number',
    );
    return { kind: 'choice', name, title, about, values, initial: property.default ?? null };
  }
  if (types.includes('boolean')) {
    return { kind: 'switch', name, title, about, initial: property.default === true };
  }
  if (types.includes('integer') || types.includes('number')) {
    const initial = typeof property.default === 'number' ? property.default : null;
    const whole = types.includes('integer');
    const { minimum: min = null, maximum: max = null } = property;
    return { kind: 'number', name, title, about, min, max, whole, initial };
  }
  if (types.includes('string')) {
    return { kind: 'text', name, title, about, initial: String(property.default ?? '') };
  }
  return null;
}

/** "face_limit" as "Face limit". */
export function sentence(name: string): string {
  const words = name.replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Fills in the schema's defaults. */
export function withDefaults(fields: readonly Field[], chosen: Options): Options {
  const initial = fields.flatMap((one) =>
    one.initial === null || one.initial === '' ? [] : [[one.name, one.initial] as const],
  );
  return { ...Object.fromEntries(initial), ...known(fields, chosen) };
}

/** Drops remembered options that the generator does not have (any more). */
export function known(fields: readonly Field[], chosen: Options): Options {
  return Object.fromEntries(
    Object.entries(chosen).filter(([name, value]) => {
      const one = fields.find((each) => each.name === name);
      return one !== undefined && value !== undefined && value !== null && fits(one, value);
    }),
  );
}

function fits(one: Field, value: unknown): boolean {
  switch (one.kind) {
    case 'choice':
      return (one.values as unknown[]).includes(value);
    case 'switch':
      return typeof value === 'boolean';
    case 'text':
      return typeof value === 'string';
    case 'number':
      return (
        typeof value === 'number' &&
        value >= (one.min ?? -Infinity) &&
        value <= (one.max ?? Infinity)
      );
  }
}

export type FaceLevel = 'low' | 'medium' | 'high' | 'auto';

const FACES: Readonly<Record<Exclude<FaceLevel, 'auto'>, number>> = {
  low: 5_000,
  medium: 25_000,
  high: 100_000,
};

/** How many faces a level stands for within the field's range; null: the generator decides. */
export function facesOf(level: FaceLevel, one: Field & { kind: 'number' }): number | null {
  if (level === 'auto') return null;
  return Math.min(Math.max(FACES[level], one.min ?? 0), one.max ?? Infinity);
}
