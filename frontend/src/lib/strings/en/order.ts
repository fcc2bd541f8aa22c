/** Who makes the models, how, and what it costs. */
import type { KeepPolicy } from '../../api/types';
import { plural } from './words';

const PROVIDERS: Readonly<Record<string, string>> = { local: 'This server', fal: 'fal.ai' };

export const generators = {
  title: 'Generator',
  goodFor: 'Good for',
  poorFor: 'Not for',
  provider: (name: string) => PROVIDERS[name] ?? name,
  missing: 'not set up',
  locked: 'Not set up on this server yet.',
  from: 'Who makes the models',
  viewsNeeded: (min: number, max: number) =>
    min === max ? plural(min, 'view', 'views') : `${min}–${max} views`,
  licence: 'Licence',
  more: (count: number) => `Show ${count} more`,
  failed: 'The generators could not be loaded.',
};

export const options = {
  title: 'Options',
  reset: 'Reset',
  changed: (count: number) => `${count} changed`,
  faces: {
    low: 'Low',
    medium: 'Medium',
    high: 'High',
    auto: 'Auto',
    custom: 'Custom',
  },
  automatic: 'Automatic',
  none: 'This generator has no options.',
  value: (title: string) => `${title}, exact value`,
};

export const terms = {
  title: 'Budget and results',
  budget: 'Budget of the job',
  budgetAbout: 'The job stops before it costs more.',
  budgetWrong: (least: string, most: string) => `An amount from ${least} to ${most}, or nothing.`,
  noLimit: 'no limit',
  upTo: (budget: string) => `up to ${budget}`,
  keep: 'Where results stay',
  keeps: { keep: 'On this server', links: 'At the provider' } satisfies Record<KeepPolicy, string>,
  keepAbout: {
    keep: (life: string | null) =>
      `Each is copied here and checked. They stay ${life ?? 'until you delete them'}.`,
    links: (life: string | null) =>
      `Nothing is copied: the links work for ${life ?? 'as long as the provider says'} at most. Faster, and takes no space here.`,
  } satisfies Record<KeepPolicy, (life: string | null) => string>,
};

export const order = {
  make: (count: number) => `Make ${plural(count, 'model', 'models')}`,
  makeNone: 'Make models',
  total: 'Total',
  breakdown: (count: number, each: string) => `${count} × ${each}`,
  time: (span: string) => `${span} for each model`,
  perModel: 'per model.',
  empty: 'Add pictures to begin.',
  skipped: (count: number) => `${plural(count, 'picture', 'pictures')} will be skipped.`,
  misfit: (count: number) =>
    `${plural(count, 'object does', 'objects do')} not suit the generator.`,
  sheetReading: 'The spreadsheet is being read.',
  sheetWrong: 'Correct the spreadsheet, or remove it.',
  sheetGenerator: (generator: string) =>
    `The spreadsheet asks for ${generator}: choose it, or remove the spreadsheet.`,
  mustSignIn:
    'This generator costs money. Sign in with an API key on the page Settings, or choose a free one.',
  budgetWrong: 'Correct the budget of the job, or empty its field.',
  budgetNone: 'The budget of the job does not pay for one model.',
  overBudget: (budget: string, paid: number, total: number) =>
    `The budget of ${budget} pays for ${paid} of ${total} models. Then the job stops.`,
  overDay: (left: string, paid: number, total: number) =>
    paid > 0
      ? `Only ${left} of the day’s budget is left: it pays for ${paid} of ${total} models. Then the job stops.`
      : `Only ${left} of the day’s budget is left: it does not pay for one model.`,
  fetching: (count: number) =>
    `${plural(count, 'picture is', 'pictures are')} being fetched from the web: wait, or remove what takes too long.`,
  notFetched: (count: number) =>
    `${plural(count, 'picture', 'pictures')} from the web could not be fetched and will be left out.`,
  tooMany: (count: number, limit: number) =>
    `A job has at most ${limit} objects: remove ${count - limit}, or group views.`,
  sending: 'Sending pictures',
  starting: 'Starting …',
  failed: (count: number) => `${plural(count, 'picture', 'pictures')} could not be sent.`,
  hopeless: 'Sending again would not help: start without them, or cancel and use other files.',
  retry: 'Send again',
  without: 'Start without them',
};
