/** The composition root: makes the services once and hands them down by context. */
import { createContext } from 'svelte';
import { Api } from './api/api';
import { Catalogue } from './catalogue.svelte';
import { USUAL_LIMITS } from './draft/limits';
import { Sheet } from './draft/sheet.svelte';
import { PictureTray } from './draft/tray.svelte';
import { Upload } from './draft/upload.svelte';
import { Announcer } from './ui/announcer.svelte';
import { Preferences, setPreferences } from './preferences.svelte';

export const [getApi, setApi] = createContext<Api>();
export const [getCatalogue, setCatalogue] = createContext<Catalogue>();
export const [getTray, setTray] = createContext<PictureTray>();
export const [getAnnouncer, setAnnouncer] = createContext<Announcer>();
export const [getSheet, setSheet] = createContext<Sheet>();
/** One for the whole app: leaving the page and coming back must not send an order twice. */
export const [getUpload, setUpload] = createContext<Upload>();

export function provideServices(): {
  catalogue: Catalogue;
  preferences: Preferences;
  announcer: Announcer;
} {
  const api = setApi(new Api());
  const preferences = setPreferences(new Preferences());
  const announcer = setAnnouncer(new Announcer());
  const catalogue = setCatalogue(new Catalogue(api));
  setTray(new PictureTray(() => catalogue.limits ?? USUAL_LIMITS));
  setSheet(new Sheet(api));
  setUpload(new Upload(api));
  return { catalogue, preferences, announcer };
}
