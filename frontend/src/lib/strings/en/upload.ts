/** The pictures on the upload page, and the spreadsheet beside them. */
import type { Limits } from '../../api/types';
import type { Hint } from '../../draft/hints';
import { type Refusal, typeName } from '../../draft/limits';
import type { Misfit } from '../../draft/tray.svelte';
import { anyOf, plural } from './words';

const SIDES = { height: 'high', width: 'wide', depth: 'deep' } as const;

export const upload = {
  title: 'Pictures in, 3D models out.',
  lead: 'Drop a batch of pictures. Every one becomes a model you can turn, download and print.',
  drop: 'Drop pictures or a folder here',
  dropNow: 'Let go to add them',
  orPaste: 'or paste pictures or their addresses',
  choose: 'Choose pictures',
  folder: 'Choose a folder',
  folderShort: 'Folder',
  url: 'From the web',
  urlShort: 'Web',
  urlLabel: 'Address of a picture',
  urlPlaceholder: 'https://… or several, with spaces between',
  urlAdd: 'Add',
  urlAbout: 'The server fetches it. Only public https addresses can be read.',
  urlWrong: 'This is not a web address. It should look like https://example.com/cup.jpg.',
  fetching: 'Fetching …',
  add: 'Add pictures',
  limits: (items: number, types: string, megabytes: number, megapixels: number) =>
    `Up to ${items} objects · ${types} · ${megabytes} MB and ${megapixels} megapixels each`,
  limitsSheet: 'A CSV or XLSX file beside them gives names and true sizes.',
  examples: 'No pictures at hand? Try one of these:',
  example: (name: string) => `Add the example picture ${name}`,
  allExamples: 'or all four',
  advice: ['One object per picture', 'The whole object in view', 'A plain or clear background'],
  pictures: 'Pictures',
  count: (count: number, limit: number) => `${count} of at most ${limit} objects`,
  clear: 'Remove all',
  clearTitle: (count: number) => `Remove ${count === 1 ? 'the picture' : `all ${count} pictures`}?`,
  clearText:
    'They are removed from this page and have not been uploaded. Your own files are not changed.',
  leftOut: (count: number, limit: number) =>
    `${plural(count, 'picture was', 'pictures were')} left out: a job has at most ${limit} objects.`,
  addLeftOut: (count: number) => `Add ${count} of them`,
  ignored: (count: number) =>
    `${plural(count, 'other file is not a picture', 'other files are not pictures')}.`,
  restored: (count: number) =>
    `${plural(count, 'picture', 'pictures')} that you had not sent yet are here again.`,
  suggest: (count: number) =>
    `Some pictures look like views of the same object. Group them into ${plural(count, 'object', 'objects')}?`,
  group: 'Group them',
  remove: (name: string) => `Remove ${name}`,
  earlier: (name: string) => `Move ${name} earlier`,
  later: (name: string) => `Move ${name} later`,
  join: (name: string) => `Make ${name} a view of the object before it`,
  split: (name: string) => `Split ${name} into single pictures`,
  viewOf: (file: string) => `Side that ${file} shows`,
  viewCount: (count: number) => plural(count, 'view', 'views'),
  added: (count: number) => `${plural(count, 'picture', 'pictures')} added.`,
  moved: (name: string, place: number, total: number) => `${name} is now ${place} of ${total}.`,
  hopeless: 'Sending it again would not help. Use another file.',
  again: (name: string) => `Send again: ${name}`,
  refusals: {
    type: ({ picture_types }) =>
      `Not a picture we can read. Use ${anyOf(picture_types.map(typeName))}.`,
    large: ({ picture_bytes }) => `Too large: ${picture_bytes / 1e6} MB is the limit.`,
    empty: () => 'The file is empty.',
    pixels: ({ picture_pixels, picture_max_px }) =>
      `Too many pixels: the limit is ${picture_pixels / 1e6} megapixels and ${picture_max_px} pixels a side. Save it smaller.`,
    tiny: ({ picture_min_px }) => `Too small: it needs ${picture_min_px} pixels each way.`,
    unreadable: () => 'The picture is damaged.',
  } satisfies Record<Exclude<Refusal, 'server'>, (limits: Limits) => string>,
  hints: {
    small: 'Small picture: expect little detail',
    blurred: 'Looks blurred: details get lost',
    cut: 'The object is cut off at the edge',
    busy: 'No plain background: the outline is guessed',
    pale: 'Parts as bright as the background may be missing: check the outline',
    several: 'Several objects in one picture: one model is made of all of them',
  } satisfies Record<Hint, string>,
  misfits: {
    'needs-views': 'Needs more views of this object',
    'needs-front': 'Needs a front view',
    'too-many-views': 'Too many views for this generator',
    'wrong-view': 'A side this generator cannot use',
  } satisfies Record<Misfit, string>,
  sending: (percent: string) => `Sending, ${percent}`,
  sent: 'Sent',
  waiting: 'Waiting',
};

export const sheet = {
  title: 'Spreadsheet',
  reading: 'Reading …',
  remove: 'Remove the spreadsheet',
  describes: (described: number, total: number) =>
    total === 0
      ? 'Ready. Add the pictures that it names.'
      : `Names and describes ${described} of ${plural(total, 'object', 'objects')}.`,
  wrong: (count: number) =>
    `${plural(count, 'cell is', 'cells are')} wrong. Correct the file and drop it again.`,
  large: (megabytes: number) => `Too large: ${megabytes} MB is the limit.`,
  unreadable: 'The file cannot be read. Is it open in another program?',
  fault: (row: number, column: string, reason: string) =>
    `Row ${row}${column ? `, ${column}` : ''}: ${reason}`,
  left: {
    absent: (row: number, picture: string) => `Row ${row}: there is no picture ${picture} here.`,
    ambiguous: (row: number, picture: string) =>
      `Row ${row}: several pictures are named ${picture}.`,
    taken: (row: number, picture: string) =>
      `Row ${row}: ${picture} is of the same object as a row before.`,
  },
  more: (count: number) => `and ${count} more`,
  size: (said: Record<string, unknown>) =>
    (['height', 'width', 'depth'] as const)
      .filter((side) => typeof said[`${side}_mm`] === 'number')
      .slice(0, 1)
      .map((side) => `${said[`${side}_mm`] as number} mm ${SIDES[side]}`)
      .join(''),
  hint: 'A spreadsheet beside the pictures gives the models names and true sizes.',
  template: 'Get one to fill in',
  templateName: 'objects.csv',
};
