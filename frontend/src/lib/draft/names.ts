/** Reads from file names which pictures are views of one object. */
import type { ViewName } from '../api/types';

export const VIEWS: readonly ViewName[] = [
  'front',
  'left',
  'back',
  'right',
  'top',
  'bottom',
  'front-left',
  'front-right',
];

const WORDS: Readonly<Record<string, ViewName>> = {
  front: 'front',
  left: 'left',
  back: 'back',
  rear: 'back',
  right: 'right',
  top: 'top',
  bottom: 'bottom',
  frontleft: 'front-left',
  frontright: 'front-right',
};
const NAMED =
  /^(.+?)[\s_.(-]+(front[\s_-]?left|front[\s_-]?right|front|left|back|rear|right|top|bottom)\)?$/i;
const NUMBERED = /^(.*?)[\s_-]+\(?(\d{1,6})\)?$/;
/** What cameras, scanners and programs call every picture: their numbers count pictures, not sides. */
const ANYTHING =
  /^(img|dsc[a-z]?|_?dsc|imgp|p|pxl|mvi|gopr|dji|photo|picture|pic|image|scan|screenshot|bild|foto|page|untitled|unnamed|download|file|frame|render|whatsapp image)([\s_-]*\d+)*$/i;
/** Views in the order in which turntables and multi-view models number them. */
const BY_NUMBER: readonly ViewName[] = [
  'front',
  'left',
  'back',
  'right',
  'top',
  'bottom',
  'front-left',
  'front-right',
];

export interface NamedView {
  /** What the names of one object's pictures have in common. */
  object: string;
  view: ViewName;
  /** Whether the name says the view itself and not merely a number. */
  sure: boolean;
}

/** Strips the extension from a file name. */
export function stemOf(fileName: string): string {
  return fileName.replace(/\.[a-z0-9]{1,5}$/i, '') || fileName;
}

/** Reads the view from a file name such as `duck_front.png` or `duck-02.png`; null: it says none. */
export function viewOfName(fileName: string): NamedView | null {
  const stem = stemOf(fileName);
  const named = NAMED.exec(stem);
  if (named?.[1] && named[2]) {
    const view = WORDS[named[2].toLowerCase().replace(/[\s_-]/g, '')];
    if (view) return { object: named[1].toLowerCase(), view, sure: true };
  }
  const numbered = numberOfName(fileName);
  const view = numbered && BY_NUMBER[numbered.number - 1];
  return numbered && view ? { object: numbered.object, view, sure: false } : null;
}

/** Reads the number that ends a file name such as `duck-02.png`; null: there is none. */
function numberOfName(fileName: string): { object: string; number: number } | null {
  const found = NUMBERED.exec(stemOf(fileName));
  if (!found?.[1] || ANYTHING.test(found[1])) return null;
  return { object: found[1].toLowerCase(), number: Number(found[2]) };
}

/** Which views a generator takes; a `Generator` is one. */
export interface ViewRules {
  max_views: number;
  min_views: number;
  required_views: readonly ViewName[];
  optional_views: readonly ViewName[];
}

/** Whether a generator makes one object of *views*. */
function suits(views: readonly ViewName[], rules: ViewRules): boolean {
  const allowed = [...rules.required_views, ...rules.optional_views];
  return (
    views.length >= rules.min_views &&
    views.length <= rules.max_views &&
    rules.required_views.every((view) => views.includes(view)) &&
    views.every((view) => allowed.includes(view))
  );
}

/**
 * Suggests which files belong to one object.
 *
 * @param rules What the chosen generator takes: what it could not make is not suggested.
 * @returns Groups of two or more positions in *fileNames* by view; a group that is only numbered
 *   must count from 1 without a gap, and nothing else may be numbered like it.
 */
export function suggestGroups(
  fileNames: readonly string[],
  rules: ViewRules,
): Map<ViewName, number>[] {
  const numbered = Map.groupBy(
    fileNames.flatMap((name) => numberOfName(name) ?? []),
    ({ object }) => object,
  );
  const objects = new Map<
    string,
    { places: Map<ViewName, number>; clash: boolean; sure: boolean }
  >();
  fileNames.forEach((name, place) => {
    const found = viewOfName(name);
    if (!found) return;
    const key = `${found.sure ? 'view' : 'number'}:${found.object}`;
    const group = objects.get(key) ?? { places: new Map(), clash: false, sure: found.sure };
    if (group.places.has(found.view)) group.clash = true;
    group.places.set(found.view, place);
    objects.set(key, group);
  });
  return [...objects]
    .filter(([key, { places, clash, sure }]) => {
      if (clash || places.size < 2 || !suits([...places.keys()], rules)) return false;
      if (sure) return places.has('front');
      // One more than there are views, and they are a series and not the sides of one object.
      const count = numbered.get(key.slice(key.indexOf(':') + 1))?.length;
      return count === places.size && BY_NUMBER.slice(0, places.size).every((v) => places.has(v));
    })
    .map(([, { places }]) => places);
}
