import { en } from './en';

/** The app's words in the reader's language; English is the one there is. */
export const text = en;
