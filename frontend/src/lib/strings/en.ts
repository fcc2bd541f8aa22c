/** Every English sentence of the app. A translation is another file of this shape. */
import type { ViewName } from '../api/types';
import { admin } from './en/admin';
import { download } from './en/download';
import { item, job, results } from './en/job';
import { keys } from './en/keys';
import { generators, options, order, terms } from './en/order';
import { errors, history, settings, signIn } from './en/pages';
import { sheet, upload } from './en/upload';
import { viewer } from './en/viewer';
import { sentence } from './en/words';

export const en = {
  sentence,
  product: 'image2model',
  skip: 'Skip to content',
  nav: {
    label: 'Main',
    create: 'Create',
    history: 'History',
    settings: 'Settings',
    admin: 'Operate',
    theme: 'Theme',
  },
  steps: { label: 'Progress', upload: 'Upload', processing: 'Processing', results: 'Results' },
  close: 'Close',
  cancel: 'Cancel',
  retry: 'Try again',
  again: 'Retrying automatically …',
  more: 'More',
  views: {
    front: 'Front',
    left: 'Left',
    back: 'Back',
    right: 'Right',
    top: 'Top',
    bottom: 'Bottom',
    'front-left': 'Front left',
    'front-right': 'Front right',
  } satisfies Record<ViewName, string>,

  admin,
  keys,
  upload,
  sheet,
  generators,
  options,
  terms,
  order,
  job,
  item,
  results,
  download,
  viewer,
  signIn,
  history,
  settings,
  errors,
};

export type Strings = typeof en;
