/** Keeps the order that is being put together, and brings it back after a reload. */
import { makeKey } from '../api/key';
import type { Catalogue } from '../catalogue.svelte';
import { type DraftRecord, DraftStore, SHEET_KEY } from './draft-store';
import type { Sheet } from './sheet.svelte';
import type { OrderTerms } from './terms.svelte';
import type { PictureTray } from './tray.svelte';

/** The name of this tab's draft, which a reload leaves in place. */
const TAB_KEY = 'image2model.draft';
/** A reload may begin before the page before it has let go. */
const LET_GO_MS = 1_500;
const WAIT_MS = 200;
const LIFE_MS = 7 * 24 * 3_600_000;

export class DraftKeeper {
  /** Whether leaving the page now would lose nothing. */
  saved = $state(true);
  readonly #store = new DraftStore();
  readonly #catalogue: Catalogue;
  readonly #tray: PictureTray;
  readonly #sheet: Sheet;
  readonly #terms: OrderTerms;
  readonly #id: Promise<string>;
  #restored: Promise<number> | null = null;
  #saving: Promise<void> = Promise.resolve();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #changes = 0;

  constructor(catalogue: Catalogue, tray: PictureTray, sheet: Sheet, terms: OrderTerms) {
    this.#catalogue = catalogue;
    this.#tray = tray;
    this.#sheet = sheet;
    this.#terms = terms;
    this.#id = claim(this.#store).catch(() => makeKey());
  }

  /**
   * Brings back what was kept.
   *
   * @returns How many pictures came back.
   */
  restore(): Promise<number> {
    this.#restored ??= this.#restore().catch(() => 0);
    return this.#restored;
  }

  /** Keeps what there is now, soon. Call it in an effect: it reads all that is kept. */
  watch(): void {
    const draft = this.#draft();
    const files = this.#files();
    const change = (this.#changes += 1);
    this.saved = files.size === 0;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#saving = this.#saving.then(() => this.#save(change, draft, files));
    }, WAIT_MS);
  }

  async #save(
    change: number,
    draft: Omit<DraftRecord, 'id' | 'savedMs'>,
    files: Map<string, File>,
  ): Promise<void> {
    // What was kept before must be back before it is written over.
    await this.restore();
    if (change !== this.#changes) return;
    const id = await this.#id;
    try {
      if (files.size === 0) await this.#store.remove(id);
      else await this.#store.write({ ...draft, id, savedMs: Date.now() }, files);
      if (change === this.#changes) this.saved = true;
    } catch {
      // No database, or no space: the page asks before it is left. With nothing to keep it need not.
      if (change === this.#changes) this.saved = files.size === 0;
    }
  }

  #draft(): Omit<DraftRecord, 'id' | 'savedMs'> {
    return {
      subjects: this.#tray.subjects.map(({ name, pictures }) => ({
        name,
        pictures: pictures.map(({ key, view }) => ({ key, view })),
      })),
      sheet: this.#sheet.file !== null,
      budgetUsd: this.#terms.budgetUsd,
      keep: this.#terms.keep,
    };
  }

  #files(): Map<string, File> {
    const files = new Map(this.#tray.pictures.map(({ key, file }) => [key, file]));
    if (this.#sheet.file) files.set(SHEET_KEY, this.#sheet.file);
    return files;
  }

  async #restore(): Promise<number> {
    const id = await this.#id;
    const draft = await this.#store.read(id);
    if (!draft) return 0;
    const subjects = [];
    for (const { name, pictures } of draft.subjects) {
      const found = [];
      for (const { key, view } of pictures) {
        const file = await this.#store.readFile(id, key);
        if (file) found.push({ key, view, file });
      }
      if (found.length > 0) subjects.push({ name, pictures: found });
    }
    const sheet = draft.sheet ? await this.#store.readFile(id, SHEET_KEY) : null;
    // What the server takes decides about each picture.
    await this.#catalogue.load();
    this.#terms.budgetUsd ??= draft.budgetUsd;
    this.#terms.keep ??= draft.keep;
    if (sheet && !this.#sheet.file) void this.#sheet.read(sheet, this.#tray.limits.sheet_bytes);
    return this.#tray.restore(subjects);
  }
}

/** Finds the draft of this tab, or one whose tab was closed, or begins another one. */
async function claim(store: DraftStore): Promise<string> {
  const own = sessionStorage.getItem(TAB_KEY);
  const id = (own !== null && (await hold(own, LET_GO_MS)) ? own : null) ?? (await adopt(store));
  sessionStorage.setItem(TAB_KEY, id);
  return id;
}

async function adopt(store: DraftStore): Promise<string> {
  // Without locks nobody can tell a closed tab from one that is open beside this one.
  const left = 'locks' in navigator ? await store.ids().catch(() => []) : [];
  let found: string | null = null;
  for (const id of left) {
    if (!(await hold(id, 0))) continue;
    const draft = await store.read(id);
    if (draft && draft.savedMs < Date.now() - LIFE_MS) await store.remove(id);
    else if (draft) {
      found = id;
      break;
    }
  }
  const id = found ?? makeKey();
  if (!found) await hold(id, 0);
  return id;
}

/** Takes a draft for this tab until it is closed; false: another tab has it. */
function hold(id: string, patienceMs: number): Promise<boolean> {
  if (!('locks' in navigator)) return Promise.resolve(true);
  const options = patienceMs ? { signal: AbortSignal.timeout(patienceMs) } : { ifAvailable: true };
  return new Promise((resolve) => {
    navigator.locks
      .request(`image2model.draft.${id}`, options, (lock) => {
        resolve(lock !== null);
        return lock ? new Promise<never>(() => undefined) : undefined;
      })
      .catch(() => resolve(false));
  });
}
