/** What this browser remembers of its user. */
import { createContext } from 'svelte';
import type { KeepPolicy, Options } from './api/types';
import { AS_MADE, type DownloadChoices } from './download/choices';

export type Theme = 'system' | 'light' | 'dark';

interface Kept {
  theme?: Theme;
  generator?: string | null;
  options?: Record<string, Options>;
  keep?: KeepPolicy | null;
  budgetUsd?: number | null;
  layout?: 'grid' | 'list';
  download?: Partial<DownloadChoices>;
}

/** The page's first script reads the theme under this name, too. */
const KEY = 'image2model.preferences';

export class Preferences {
  theme = $state<Theme>('system');
  generator = $state<string | null>(null);
  layout = $state<'grid' | 'list'>('grid');
  download = $state.raw<DownloadChoices>(AS_MADE);
  /** Chosen options by generator id, only those that differ from the defaults. */
  options = $state.raw<Record<string, Options>>({});
  /** What happens to results that a provider has; null: as the server says. */
  keep = $state<KeepPolicy | null>(null);
  /** The most that a job may cost, in US dollars; null: no limit. */
  budgetUsd = $state<number | null>(null);

  constructor() {
    const kept = read();
    this.theme = kept.theme ?? 'system';
    this.generator = kept.generator ?? null;
    this.options = kept.options ?? {};
    this.keep = kept.keep ?? null;
    this.budgetUsd = kept.budgetUsd ?? null;
    this.layout = kept.layout ?? 'grid';
    this.download = { ...AS_MADE, ...kept.download };
  }

  setOptions(generator: string, options: Options): void {
    this.options = { ...this.options, [generator]: options };
    this.save();
  }

  save(): void {
    const { theme, generator, options, keep, budgetUsd, layout, download } = this;
    try {
      const kept: Kept = { theme, generator, options, keep, budgetUsd, layout, download };
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
