/** Downloads. */
import type { DownloadChoices, Side } from '../../download/choices';
import { plural } from './words';

const NAMES: Readonly<Record<string, string>> = {
  glb: 'GLB',
  stl: 'STL',
  '3mf': '3MF',
  usdz: 'USDZ',
  'obj.zip': 'OBJ',
  'gltf.zip': 'glTF',
  ply: 'PLY',
};

export const download = {
  all: (count: number) => `Download ${plural(count, 'model', 'models')}`,
  format: 'Format',
  formats: 'Formats in the ZIP file',
  names: NAMES,
  uses: {
    glb: 'Web, Blender, games',
    stl: 'Printing, shape only',
    '3mf': 'Printing in colour',
    usdz: 'iPhone, Mac',
    'obj.zip': 'Older programs',
    'gltf.zip': 'Textures as files',
    ply: 'Mesh tools',
  } as Record<string, string>,
  asDelivered: 'As delivered',
  adjust: 'Adjust',
  faces: 'Faces, at most',
  side: 'Side to scale by',
  sides: { height: 'Height', width: 'Width', depth: 'Depth' } satisfies Record<Side, string>,
  sideLength: 'Length of that side in millimetres',
  megabytes: 'File, at most',
  asMade: 'as made',
  noLimit: 'no limit',
  between: (least: string, most: string) => `A number from ${least} to ${most}, or nothing.`,
  repair: 'Repair for printing',
  repairText: 'Closes holes and unites parts into one solid.',
  reset: 'Reset',
  choose: 'Choose formats, size and weight',
  zip: 'Download ZIP',
  busy: 'Making the file …',
  zipStarted:
    'The ZIP file is downloading. Its manifest.csv lists what had to be reduced for each model.',
  saved: (name: string, size: string | null) =>
    size ? `${name} downloaded, ${size}.` : `${name} is downloading.`,
  givenUp: 'Changes to this model:',
  summary: (choices: DownloadChoices, formats: string[]) =>
    [
      formats.map((format) => NAMES[format] ?? format.toUpperCase()).join(' + '),
      choices.faces !== null && `up to ${choices.faces.toLocaleString('en')} faces`,
      choices.sideMm !== null && `${choices.sideMm} mm ${choices.side}`,
      choices.megabytes !== null && `up to ${choices.megabytes} MB`,
      choices.repair && 'repaired',
    ]
      .filter(Boolean)
      .join(' · '),
};
