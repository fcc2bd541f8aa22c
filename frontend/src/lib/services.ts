/** The composition root: makes the services once and hands them down by context. */
import { createContext } from 'svelte';
import { Api } from './api/api';
import { Catalogue } from './catalogue.svelte';
import { USUAL_LIMITS } from './draft/limits';
import { DraftKeeper } from './draft/draft-keeper.svelte';
import { Sheet } from './draft/sheet.svelte';
import { OrderTerms } from './draft/terms.svelte';
import { PictureTray } from './draft/tray.svelte';
import { Upload } from './draft/upload.svelte';
import { Announcer } from './ui/announcer.svelte';
import { Preferences, setPreferences } from './preferences.svelte';

export const [getApi, setApi] = createContext<Api>();
export const [getCatalogue, setCatalogue] = createContext<Catalogue>();
export const [getTray, setTray] = createContext<PictureTray>();
export const [getAnnouncer, setAnnouncer] = createContext<Announcer>();
export const [getSheet, setSheet] = createContext<Sheet>();
export const [getTerms, setTerms] = createContext<OrderTerms>();
/** One for the whole app: leaving the page and coming back must not send an order twice. */
export const [getUpload, setUpload] = createContext<Upload>();

export function provideServices(): {
  catalogue: Catalogue;
  preferences: Preferences;
  announcer: Announcer;
  keeper: DraftKeeper;
  upload: Upload;
} {
  const api = setApi(new Api());
  const preferences = setPreferences(new Preferences());
  const announcer = setAnnouncer(new Announcer());
  const catalogue = setCatalogue(new Catalogue(api));
  const tray = setTray(new PictureTray(() => catalogue.limits ?? USUAL_LIMITS));
  const sheet = setSheet(new Sheet(api));
  const terms = setTerms(new OrderTerms());
  const keeper = new DraftKeeper(catalogue, tray, sheet, terms);
  const upload = setUpload(new Upload(api));
  return { catalogue, preferences, announcer, keeper, upload };
}
