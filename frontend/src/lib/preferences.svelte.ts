/** What this browser remembers of its user. */
import { createContext } from 'svelte';
import type { Options } from './api/types';
import { AS_MADE, type DownloadChoices } from './download/choices';

export type Theme = 'system' | 'light' | 'dark';

interface Kept {
  theme?: Theme;
  generator?: string | null;
  options?: Record<string, Options>;
  layout?: 'grid' | 'list';
  download?: Partial<Pick<DownloadChoices, 'format' | 'formats'>>;
}

/** The page's first script reads the theme under this name, too. */
const KEY = 'image2model.preferences';

export class Preferences {
  theme = $state<Theme>('system');
  generator = $state<string | null>(null);
  layout = $state<'grid' | 'list'>('grid');
  /** In which formats models were downloaded last: one, and all in one file. */
  format = $state(AS_MADE.format);
  formats = $state.raw<string[]>(AS_MADE.formats);
  /** Chosen options by generator id, only those that differ from the defaults. */
  options = $state.raw<Record<string, Options>>({});

  constructor() {
    const kept = read();
    this.theme = kept.theme ?? 'system';
    this.generator = kept.generator ?? null;
    this.options = kept.options ?? {};
    this.layout = kept.layout ?? 'grid';
    this.format = kept.download?.format ?? AS_MADE.format;
    this.formats = kept.download?.formats ?? AS_MADE.formats;
  }

  /** Remembers in which formats somebody downloaded; limits and sizes are of one download. */
  rememberFormats({ format, formats }: DownloadChoices, all: boolean): void {
    if (all) this.formats = formats;
    else this.format = format;
    this.save();
  }

  setOptions(generator: string, options: Options): void {
    this.options = { ...this.options, [generator]: options };
    this.save();
  }

  save(): void {
    const { theme, generator, options, layout, format, formats } = this;
    try {
      const download = { format, formats };
      const kept: Kept = { theme, generator, options, layout, download };
      localStorage.setItem(KEY, JSON.stringify(kept));
    } catch {
      // Storage is full or forbidden: the choice holds until the page is left.
    }
  }

  /** Keeps the page in the chosen theme, following the system where that is the choice. */
  applyTheme(): () => void {
    const system = matchMedia('(prefers-color-scheme: dark)');
    const apply = (): void => {
      const dark = this.theme === 'dark' || (this.theme === 'system' && system.matches);
      document.documentElement.dataset.theme = dark ? 'dark' : 'light';
    };
    apply();
    system.addEventListener('change', apply);
    return () => system.removeEventListener('change', apply);
  }
}

function read(): Kept {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? '{}') as Kept;
  } catch {
    return {};
  }
}

export const [getPreferences, setPreferences] = createContext<Preferences>();
