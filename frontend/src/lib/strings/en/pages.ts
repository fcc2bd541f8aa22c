/** Signing in, History, Settings, and pages that are not there. */
import { plural } from './words';

export const signIn = {
  title: 'Sign in',
  lead: 'This server asks for an API key.',
  key: 'API key',
  keyPlaceholder: 'i2m_…',
  submit: 'Sign in',
  organisation: 'Sign in with your organisation',
  or: 'or with an API key',
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
  forget: 'Delete all that is mine',
  forgetTitle: 'Delete all your jobs and files?',
  forgetText:
    'What is under way is cancelled first. Models that are paid for are deleted, too. Nobody can bring them back.',
  forgotten: (jobs: number) => `${plural(jobs, 'job is', 'jobs are')} deleted.`,
  forgottenPaid: (jobs: number, paid: number) =>
    `${plural(jobs, 'job is', 'jobs are')} deleted. ${plural(paid, 'job', 'jobs')} had models that may be paid for and had not come yet.`,
};

export const history = {
  title: 'History',
  lead: 'Your jobs, newest first.',
  stored: (jobs: number, size: string, limit: string | null) =>
    `${plural(jobs, 'job', 'jobs')}, ${size}${limit ? ` of ${limit}` : ''} stored`,
  storedWhy: 'Pictures, results and what was made of them. Deleting a job gives its space back.',
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
  counted: {
    failed: (count: number) => `${count} failed`,
    cancelled: (count: number) => `${count} cancelled`,
    uncertain: (count: number) => `${count} to decide`,
  },
  items: (total: number) => plural(total, 'object', 'objects'),
  deleteJob: (name: string) => `Delete ${name}`,
  deleted: (name: string) => `${name} was deleted.`,
};

export const settings = {
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
};

export const errors = {
  title: 'This page does not exist',
  text: 'The address may be mistyped.',
  back: 'Back to the start',
  away: 'The page could not be loaded',
  awayText: 'The server does not answer, or has just been updated. Trying again by itself …',
  reload: 'Load again',
};
