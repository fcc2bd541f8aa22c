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
const NUMBERED = /^(.*?)[\s_-]+\(?0*([1-8])\)?$/;
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
  const numbered = NUMBERED.exec(stem);
  const view = BY_NUMBER[Number(numbered?.[2]) - 1];
  return numbered?.[1] && view ? { object: numbered[1].toLowerCase(), view, sure: false } : null;
}

/**
 * Suggests which files belong to one object.
 *
 * @returns Groups of two or more positions in *fileNames* by view; a group that is only numbered
 *   must count from 1 without a gap.
 */
export function suggestGroups(fileNames: readonly string[]): Map<ViewName, number>[] {
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
  return [...objects.values()]
    .filter(({ places, clash, sure }) => {
      if (clash || places.size < 2) return false;
      return sure
        ? places.has('front')
        : BY_NUMBER.slice(0, places.size).every((v) => places.has(v));
    })
    .map(({ places }) => places);
}
