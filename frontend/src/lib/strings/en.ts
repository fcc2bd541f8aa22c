/** Every English sentence of the app. A translation is another file of this shape. */
import type { ItemState, JobStateName, ViewName } from '../api/types';
import type { FeedState } from '../api/job-feed';
import type { DownloadChoices, Side } from '../download/choices';
import type { Hint } from '../draft/hints';
import type { Limits } from '../api/types';
import type { Refusal } from '../draft/limits';
import { typeName } from '../draft/limits';
import type { Misfit } from '../draft/tray.svelte';

const anyOf = (words: readonly string[]): string =>
  [words.slice(0, -1).join(', '), words.at(-1)].filter(Boolean).join(' or ');

const PROVIDERS: Readonly<Record<string, string>> = { local: 'This server', fal: 'fal.ai' };

const SIDES = { height: 'high', width: 'wide', depth: 'deep' } as const;

const plural = (count: number, one: string, many: string): string =>
  `${count} ${count === 1 ? one : many}`;

const capital = (words: string): string => words.charAt(0).toUpperCase() + words.slice(1);

export const en = {
  /** Makes a sentence of what the server says without capital and stop. */
  sentence: (words: string): string => (words ? `${capital(words).replace(/[.]$/, '')}.` : ''),
  product: 'image2model',
  skip: 'Skip to content',
  nav: {
    label: 'Main',
    create: 'Create',
    history: 'History',
    settings: 'Settings',
    theme: 'Theme',
  },
  steps: { label: 'Progress', upload: 'Upload', processing: 'Processing', results: 'Results' },
  close: 'Close',
  cancel: 'Cancel',
  retry: 'Try again',
  again: 'Trying again by itself …',
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

  upload: {
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
    urlWrong: 'That is no web address. It should look like https://example.com/cup.jpg.',
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
    leftOut: (count: number, limit: number) =>
      `${plural(count, 'picture was', 'pictures were')} left out: a job has at most ${limit} objects.`,
    suggest: (count: number) =>
      `Some pictures look like views of the same object. Group them into ${plural(count, 'object', 'objects')}?`,
    group: 'Group them',
    groupNeedsViews: (generator: string) => `${generator} takes one picture per object.`,
    remove: (name: string) => `Remove ${name}`,
    earlier: (name: string) => `Move ${name} earlier`,
    later: (name: string) => `Move ${name} later`,
    join: (name: string) => `Make ${name} a view of the object before it`,
    split: (name: string) => `Split ${name} into single pictures`,
    viewOf: (file: string) => `Side that ${file} shows`,
    viewCount: (count: number) => plural(count, 'view', 'views'),
    added: (count: number) => `${plural(count, 'picture', 'pictures')} added.`,
    moved: (name: string, place: number, total: number) => `${name} is now ${place} of ${total}.`,
    again: (name: string) => `Send again: ${name}`,
    refusals: {
      type: ({ picture_types }) =>
        `Not a picture we can read. Use ${anyOf(picture_types.map(typeName))}.`,
      large: ({ picture_bytes }) => `Too large: ${picture_bytes / 1e6} MB is the limit.`,
      empty: () => 'The file is empty.',
      pixels: ({ picture_pixels }) =>
        `Too many pixels: ${picture_pixels / 1e6} megapixels is the limit.`,
      tiny: ({ picture_min_px }) => `Too small: it needs ${picture_min_px} pixels each way.`,
      unreadable: () => 'The picture is damaged.',
    } satisfies Record<Refusal, (limits: Limits) => string>,
    hints: {
      small: 'Small picture: expect little detail',
      blurred: 'Looks blurred: details get lost',
      cut: 'The object is cut off at the edge',
      busy: 'No plain background: the outline is guessed',
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
  },

  sheet: {
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
  },

  generators: {
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
  },

  options: {
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
  },

  order: {
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
    fetching: (count: number) =>
      `${plural(count, 'picture', 'pictures')} from the web: wait, or remove what did not come.`,
    sending: 'Sending pictures',
    starting: 'Starting …',
    failed: (count: number) => `${plural(count, 'picture', 'pictures')} could not be sent.`,
    retry: 'Send again',
    without: 'Start without them',
  },

  job: {
    untitled: 'New job',
    made: (generator: string, when: string) => `${generator} · ${when}`,
    rename: 'Rename',
    name: 'Name of the job',
    star: 'Star: keep beyond the retention',
    unstar: 'Remove the star',
    delete: 'Delete',
    deleteTitle: 'Delete this job?',
    deleteText: 'Its pictures and models are removed from the server. This cannot be undone.',
    cancelTitle: 'Cancel this job?',
    cancelText:
      'Models that are done stay. What was already sent to a provider may still be charged.',
    cancelAll: 'Cancel job',
    keepGoing: 'Keep going',
    pause: 'Pause',
    resume: 'Resume',
    retryFailed: (count: number) => `Retry ${count} failed`,
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
    pausedHint: 'Paused. Nothing new is started.',
    tally: {
      done: 'done',
      running: 'in the making',
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
    notify: 'Tell me when it is done',
    notifying: 'You will be told when it is done',
    notified: (name: string, made: number, total: number) =>
      `${name}: ${made} of ${total} models made`,
    said: (done: number, total: number) => `${done} of ${total} models are done.`,
    saidFinished: (made: number, failed: number) =>
      `Finished: ${plural(made, 'model', 'models')} made` + (failed ? `, ${failed} failed.` : '.'),
    gone: 'This job is not here',
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
    draftText: 'This job was never started, and its pictures wait on the server.',
    draftStart: 'Start it now',
    tips: [
      'You can close this page. The work goes on, and History brings you back.',
      'Move over a finished model, or focus it and press ← →, to see it from all around.',
      'The arrow keys go from model to model in the viewer; press ? there for more keys.',
      'GLB keeps the texture. STL is for printing and has the shape alone.',
      'Star a job to keep it when old ones are cleaned up.',
      'A picture with a transparent background gives the cleanest outline.',
    ],
    tip: 'While you wait',
  },

  item: {
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
      ready: 'The surface is closed and thick enough: a slicer can print it as it is.',
      repairable:
        'Not printable as it is. “Repair for printing” in the download mends it; we tried.',
      not: 'Not printable as it is, and the repair does not change that.',
    },
    fidelity: (percent: string) => `${percent} like the photo`,
    fidelityUnknown: 'Not compared',
    fidelityParts: (outline: string, colour: string) =>
      `Outlines overlap by ${outline}. Colours differ by ${colour}: 2 is hardly seen, 40 is another colour.`,
    fidelityOnly: 'Only what the photo shows is judged. The back may be anything.',
    unchecked: 'Not checked',
    expired: 'Expired',
    unsure: 'Outline unsure',
    unsureWhy: 'The subject was hard to tell from the background. Look at it before use.',
    photo: 'Photo',
    picture: (name: string) => `Picture of ${name}`,
    preview: (name: string) => `Model of ${name}`,
    views: (count: number) => plural(count, 'view', 'views'),
  },

  results: {
    title: (made: number) => (made === 1 ? 'Your model is ready' : `${made} models are ready`),
    none: 'No model was made',
    made: 'Made',
    failed: 'Failed',
    time: 'Time',
    cost: 'Cost',
    size: 'Size',
    downloadAll: 'Download all',
    expires: (when: string) => `Kept until ${when}. A star keeps them longer.`,
    linked: (when: string) =>
      `The provider holds them; the links end by ${when}. A star copies them to this server.`,
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
  },

  download: {
    all: (count: number) => `Download ${plural(count, 'model', 'models')}`,
    format: 'Format',
    formats: 'Formats in the ZIP file',
    names: {
      glb: 'GLB',
      stl: 'STL',
      '3mf': '3MF',
      usdz: 'USDZ',
      'obj.zip': 'OBJ',
      'gltf.zip': 'glTF',
      ply: 'PLY',
    } as Record<string, string>,
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
      'The ZIP file is on its way. What had to be given up stands in its manifest.csv, model by model.',
    saved: (name: string, size: string | null) =>
      size ? `${name} is here, ${size}.` : `${name} is on its way.`,
    givenUp: 'To make it so:',
    summary: (choices: DownloadChoices, formats: string[]) =>
      [
        formats.map((format) => en.download.names[format] ?? format.toUpperCase()).join(' + '),
        choices.faces !== null && `up to ${choices.faces.toLocaleString('en')} faces`,
        choices.sideMm !== null && `${choices.sideMm} mm ${choices.side}`,
        choices.megabytes !== null && `up to ${choices.megabytes} MB`,
        choices.repair && 'repaired',
      ]
        .filter(Boolean)
        .join(' · '),
  },

  viewer: {
    title: (name: string) => `3D view of ${name}`,
    stage: (name: string) =>
      `3D model of ${name}. Shift and arrow keys turn it, plus and minus zoom.`,
    loading: 'Loading the model',
    failed: 'The model could not be shown. You can still download it.',
    noWebGl: 'This browser has no WebGL, so here is a picture of the model instead.',
    previous: 'Previous model',
    next: 'Next model',
    place: (at: number, total: number) => `${at} of ${total}`,
    tools: 'Viewer tools',
    surface: 'Surface',
    surfaces: { texture: 'Texture', clay: 'Clay', normals: 'Normals' },
    wireframe: 'Wireframe',
    grid: 'Grid and size',
    turn: 'Turn by itself',
    reset: 'Reset view',
    light: 'Light',
    photo: 'Photo',
    photos: { off: 'Off', beside: 'Beside', over: 'Over' },
    compare: 'How much of the photo covers the model',
    fullScreen: 'Full screen',
    screenshot: 'Save a picture',
    keys: 'Keys',
    keyList: [
      ['← →', 'Previous, next model'],
      ['Shift + arrows', 'Turn'],
      ['+ −', 'Zoom'],
      ['0', 'Reset view'],
      ['Space', 'Turn by itself'],
      ['1 2 3', 'Texture, clay, normals'],
      ['W', 'Wireframe'],
      ['G', 'Grid and size'],
      ['P', 'Photo'],
      ['I', 'Facts'],
      ['F', 'Full screen'],
      ['Esc', 'Close'],
    ],
    ar: 'In your room',
    facts: 'Facts',
    vertices: 'Vertices',
    faces: 'Faces',
    texture: 'Texture',
    file: 'File',
    size: 'Size',
    printing: 'Printing',
    fidelity: 'Like the photo',
    looking: 'Looking closely …',
    mm: (value: string) => `${value} mm`,
  },

  signIn: {
    title: 'Sign in',
    lead: 'This server asks for an API key.',
    key: 'API key',
    keyPlaceholder: 'i2m_…',
    submit: 'Sign in',
    wrong: 'This key is not known here, or was revoked.',
    how: 'Whoever runs the server makes one:',
    command: 'image2model keys create',
    kept: 'Your browser keeps a session, not the key.',
    done: 'You are signed in.',
    out: 'Sign out',
    signedIn: 'Signed in with an API key',
    guest: 'This browser',
    account: 'Account',
    guestText: 'Your jobs belong to this browser. Nobody else sees them.',
    keyText: 'Your jobs belong to the key, wherever you sign in with it.',
  },

  history: {
    title: 'History',
    lead: 'Your jobs, newest first.',
    stored: (jobs: number, size: string) => `${plural(jobs, 'job', 'jobs')}, ${size} stored`,
    storedWhy: 'Pictures and results. Deleting a job gives its space back.',
    search: 'Search by name',
    state: 'State',
    all: 'All',
    starred: 'Starred',
    empty: 'No jobs yet',
    emptyText: 'What you make appears here.',
    emptyLink: 'Make your first models',
    nothing: 'Nothing matches',
    nothingText: 'Try another word, or all states.',
    more: 'Show more',
    failed: 'Your jobs could not be loaded.',
    made: (made: number, total: number) => `${made} of ${plural(total, 'model', 'models')}`,
    items: (total: number) => plural(total, 'object', 'objects'),
    deleteJob: (name: string) => `Delete ${name}`,
    deleted: (name: string) => `${name} was deleted.`,
  },

  settings: {
    title: 'Settings',
    lead: 'Choices are kept in this browser.',
    you: 'You',
    making: 'Making models',
    page: 'This page',
    serverPart: 'Server',
    defaults: (title: string) => `Options of ${title}`,
    keys: 'Who makes models',
    keysText: 'Keys are set on the server and never shown.',
    keyReady: 'Ready',
    keyFree: 'Ready, free',
    keyMissing: 'Not set up',
    budget: 'Budget of a day',
    budgetNone: 'No limit is set. A job can have a budget of its own.',
    budgetLeft: (spent: string, limit: string) => `${spent} of ${limit} spent in the last 24 hours`,
    spent: (spent: string) => `${spent} spent in the last 24 hours`,
    storage: 'Storage',
    theme: 'Appearance',
    themes: { system: 'System', light: 'Light', dark: 'Dark' },
    generator: 'Default generator',
    generatorText: 'Chosen when you open the upload page. Its options are remembered, too.',
    serverDefault: 'As the server says',
    forget: 'Forget remembered options',
    forgotten: 'Options are back at their defaults.',
    remembered: (count: number) =>
      count
        ? `Options of ${plural(count, 'generator', 'generators')} are remembered.`
        : 'No options are remembered.',
    notify: 'Notifications',
    notifyText: 'A job’s page can tell you when it is done, if this browser allows it.',
    notifyStates: {
      granted: 'Allowed',
      denied: 'Blocked in the browser',
      default: 'Ask me',
      none: 'Not supported',
    },
    api: 'For programs',
    apiText: 'Everything this page does, your scripts can do, too.',
    reference: 'API reference',
    openapi: 'OpenAPI document',
    server: 'Server',
    health: { ok: 'Everything works', failing: 'Something is failing', unknown: 'Not reachable' },
  },

  errors: {
    title: 'This page does not exist',
    text: 'The address may be mistyped.',
    back: 'Back to the start',
    away: 'The page could not be loaded',
    awayText: 'The server does not answer, or has just been updated. Trying again by itself …',
    reload: 'Load again',
  },
};

export type Strings = typeof en;
