/** The page of a job, running and finished. */
import type { FeedState } from '../../api/job-feed';
import type { ItemState, JobStateName } from '../../api/types';
import type { Advice } from '../../jobs/advice';
import { plural } from './words';

export const job = {
  untitled: 'New job',
  made: (generator: string, when: string) => `${generator} · ${when}`,
  rename: 'Rename',
  name: 'Name of the job',
  star: 'Star: keep past the retention period',
  unstar: 'Remove the star',
  delete: 'Delete',
  deleteTitle: (name: string) => `Delete “${name}”?`,
  deleteText: (pictures: number, models: number, size: string, running: boolean) =>
    [
      running && 'It is still running and will stop.',
      `${plural(pictures, 'object', 'objects')} with ${models === 0 ? 'no models' : plural(models, 'model', 'models')}, ${size} in all, will be removed from the server.`,
      'This cannot be undone.',
    ]
      .filter(Boolean)
      .join(' '),
  cancelTitle: (name: string) => `Cancel “${name}”?`,
  cancelText: (done: number, open: number) =>
    `${plural(open, 'model', 'models')} will not be made; you can make them later. ` +
    (done > 0 ? `${plural(done, 'model that is', 'models that are')} done will stay. ` : '') +
    'What was already sent to a provider may still be charged.',
  cancelAll: 'Cancel job',
  keepGoing: 'Keep going',
  pause: 'Pause',
  resume: 'Resume',
  retryFailed: (count: number) => `Retry ${count} failed`,
  makeCancelled: (count: number) => `Make ${count} cancelled`,
  undecided: (names: readonly string[]) =>
    names.length === 1
      ? `${names[0]} needs a decision.`
      : `${names.length} models need a decision: ${names.slice(0, 3).join(', ')}${names.length > 3 ? ' …' : '.'}`,
  undecidedText: (count: number) =>
    count === 1
      ? 'It is not known whether the provider accepted it. Decide whether to send it again; the other models continue.'
      : 'It is not known whether the provider accepted them. Decide for each whether to send it again; the other models continue.',
  undecidedShow: 'Show it',
  states: {
    draft: 'Draft',
    running: 'Running',
    paused: 'Paused',
    finished: 'Finished',
  } satisfies Record<JobStateName, string>,
  progress: 'Progress of the whole job',
  left: (span: string) => `about ${span} left`,
  leftUnknown: 'estimating time left',
  almost: 'almost there',
  stale: (ago: string) => `last update ${ago}, time left unknown`,
  pausedHint: 'Paused. No new models are started.',
  tally: {
    done: 'done',
    running: 'in progress',
    waiting: 'waiting',
    failed: 'failed',
    cancelled: 'cancelled',
    uncertain: 'need a decision',
  },
  feed: {
    connecting: 'Connecting',
    live: 'Live',
    polling: 'Live, checking every few seconds',
    offline: 'Connection lost. Trying again …',
    over: 'Finished',
  } satisfies Record<FeedState, string>,
  notify: 'Notify me when it is done',
  notifying: 'You will be notified when it is done',
  notified: (name: string, made: number, total: number) =>
    `${name}: ${made} of ${total} models made`,
  said: (done: number, total: number) => `${done} of ${total} models are done.`,
  saidFinished: (made: number, failed: number, cancelled: number) =>
    `Finished: ${plural(made, 'model', 'models')} made` +
    (failed ? `, ${failed} failed` : '') +
    (cancelled ? `, ${cancelled} cancelled.` : '.'),
  saidUndecided: (made: number, uncertain: number) =>
    `${plural(made, 'model', 'models')} made, ${uncertain} need a decision.`,
  gone: 'Job not found',
  goneText: 'It was deleted, has expired, or belongs to another browser.',
  goneLink: 'See your jobs',
  layout: 'Layout',
  grid: 'Grid',
  list: 'List',
  sort: 'Sort',
  checking: (count: number) => `Looking at ${plural(count, 'model', 'models')} …`,
  sorts: {
    given: 'As uploaded',
    name: 'Name',
    worst: 'Problems first',
    faces: 'Most faces',
    size: 'Largest file',
  },
  draftText: 'This job was never started. Its pictures are stored on the server.',
  draftStart: 'Start it now',
  tips: [
    'You can close this page. The job continues, and you can return to it from History.',
    'Move over a finished model, or focus it and press ← →, to see it from all around.',
    'The arrow keys go from model to model in the viewer; press ? there for more keys.',
    'GLB keeps the texture. STL is for printing and has the shape alone.',
    'Star a job to keep it when old ones are cleaned up.',
    'A picture with a transparent background gives the cleanest outline.',
  ],
  tip: 'While you wait',
};

export const item = {
  states: {
    queued: 'Waiting',
    submitting: 'Sending',
    generating: 'Making',
    finishing: 'Finishing',
    succeeded: 'Done',
    failed: 'Failed',
    cancelled: 'Cancelled',
    uncertain: 'Needs a decision',
  } satisfies Record<ItemState, string>,
  ahead: (count: number) => (count === 0 ? 'next in line' : `${count} ahead`),
  open: (name: string) => `Open ${name} in the viewer`,
  progress: (name: string) => `Progress of ${name}`,
  cancel: (name: string) => `Cancel ${name}`,
  retry: 'Retry',
  retryName: (name: string) => `Retry ${name}`,
  fetchAgain: 'Fetch again, free',
  fetchAgainName: (name: string) => `Fetch again, free: ${name}`,
  makeAgain: (price: string) => `Make again for ${price}`,
  makeAgainName: (name: string, price: string) => `Make again for ${price}: ${name}`,
  make: 'Make it',
  makeName: (name: string) => `Make it: ${name}`,
  advice: {
    picture: 'Trying again would not help. Start a new job with another picture.',
    subject:
      'Trying again would not help. Start a new job with a PNG that has a transparent background, or a photo on a plain one.',
    views: 'Trying again would not help. Start a new job with the views that the generator takes.',
    options: 'Trying again would not help. Start a new job with other options.',
    generator: 'This generator is not available now. Start a new job with another one.',
    refused: 'It would be refused again. Start a new job with another picture or generator.',
  } satisfies Record<Advice, string>,
  resubmit: 'Send again',
  giveUp: 'Give up',
  resubmitName: (name: string) => `Send again: ${name}`,
  giveUpName: (name: string) => `Give up: ${name}`,
  uncertain: 'The provider may have it already. Sending again may be charged twice.',
  uncertainPrice: (price: string) =>
    `The provider may have it already. Sending again costs ${price} and may be charged twice; giving up costs nothing more.`,
  download: 'Download',
  downloadName: (name: string) => `Download ${name}`,
  faces: (count: string) => `${count} faces`,
  prints: { ready: 'Printable', repairable: 'Repairable', not: 'Not printable' },
  printsWhy: {
    ready: 'Watertight and thick enough: a slicer can print it as it is.',
    repairable:
      'Not printable as it is. “Repair for printing” in the download dialog fixes it; this was tested.',
    not: 'Not printable as it is, and no repair is known to change that.',
  },
  fidelity: (percent: string) => `${percent} like the photo`,
  fidelityUnknown: 'Not compared',
  fidelityParts: (outline: string, colour: string) =>
    `Outlines overlap by ${outline}. Colours differ by ${colour}: 2 is hardly seen, 40 is another colour.`,
  fidelityOnly: 'Only what the photo shows is compared. The back is not compared.',
  unchecked: 'Not checked',
  expired: 'Expired',
  unsure: 'Outline unsure',
  unsureWhy: 'The subject was hard to tell from the background. Look at it before use.',
  notes: (count: number) => plural(count, 'note', 'notes'),
  photo: 'Photo',
  picture: (name: string) => `Picture of ${name}`,
  preview: (name: string) => `Model of ${name}`,
  views: (count: number) => plural(count, 'view', 'views'),
};

export const results = {
  title: (made: number) => (made === 1 ? 'Your model is ready' : `${made} models are ready`),
  none: 'No model was made',
  made: 'Made',
  failed: 'Failed',
  cancelled: 'Cancelled',
  uncertain: 'Need a decision',
  time: 'Time',
  cost: 'Cost',
  costOf: (cost: string, budget: string) => `${cost} of ${budget}`,
  size: 'Size',
  downloadAll: 'Download all',
  expires: (when: string) => `Kept until ${when}. Star the job to keep them longer.`,
  linked: (when: string) =>
    `The provider holds them; the links end by ${when}. Star the job to copy them to this server.`,
  kept: 'Kept until you delete them.',
  next: 'What’s next',
  nextMore: 'More pictures',
  nextMoreText: 'Start another batch with the same generator and options.',
  guides: [
    {
      title: 'Blender',
      format: 'GLB',
      steps: [
        'File › Import › glTF 2.0, choose the GLB.',
        'Sizes are real: 1 unit is 1 metre.',
        'Z is up after the import; nothing has to be turned.',
      ],
    },
    {
      title: 'Unity',
      format: 'GLB',
      steps: [
        'Window › Package Manager: add com.unity.cloud.gltfast.',
        'Drag the GLB into Assets.',
        'Drag it from there into the scene.',
      ],
    },
    {
      title: 'Unreal Engine',
      format: 'GLB',
      steps: [
        'Drag the GLB into the Content Browser.',
        'Accept the import with Interchange.',
        'For many models, limit the faces when you download.',
      ],
    },
    {
      title: '3D printing',
      format: '3MF or STL',
      steps: [
        'Choose the height and “Repair for printing” when you download.',
        'Open the file in PrusaSlicer, Cura, Bambu Studio or OrcaSlicer.',
        'It is in millimetres and stands upright. 3MF keeps the colours.',
      ],
    },
  ],
};
