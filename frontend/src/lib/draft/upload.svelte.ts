/** Sends the tray's pictures into a draft on the server, several at once, and starts it. */
import type { Api } from '../api/api';
import { makeKey } from '../api/key';
import { type Problem, asProblem } from '../api/problem';
import type { DraftTerms, SheetRow } from '../api/types';
import { type DraftPicture, isToSend } from './picture.svelte';
import { sheetOf } from './sheet-match';
import type { Subject } from './tray.svelte';

const AT_ONCE = 4;
const TRIES = 3;
const PAUSE_MS = 800;

export interface Order {
  subjects: Subject[];
  terms: DraftTerms;
  /** What a spreadsheet says of the subjects. */
  rows: ReadonlyMap<Subject, SheetRow>;
}

interface Place {
  index: number;
  subject: Subject;
  picture: DraftPicture;
}

export class Upload {
  state = $state<'idle' | 'sending' | 'incomplete' | 'starting'>('idle');
  problem = $state.raw<Problem | null>(null);
  readonly #api: Api;
  #abort = new AbortController();
  #draft: string | null = null;
  #places = $state.raw<Place[]>([]);
  #rows: ReadonlyMap<Subject, SheetRow> = new Map();

  constructor(api: Api) {
    this.#api = api;
  }

  get busy(): boolean {
    return this.state === 'sending' || this.state === 'starting';
  }

  /** How much of all bytes has left, 0.0–1.0. */
  get fraction(): number {
    let sent = 0;
    let total = 0;
    for (const { picture } of this.#places) {
      const { sending, file } = picture;
      total += file.size;
      if (sending.state === 'sent') sent += file.size;
      if (sending.state === 'sending') sent += file.size * sending.fraction;
    }
    return total ? sent / total : 0;
  }

  get failed(): Subject[] {
    const failed = this.#places.filter(({ picture }) => picture.sending.state === 'failed');
    return [...new Set(failed.map(({ subject }) => subject))];
  }

  /** Whether sending again what failed, or starting again, may help. */
  get repeatable(): boolean {
    if (this.problem) return !this.problem.hopeless;
    return this.#places.some(({ picture }) => isToSend(picture.sending));
  }

  /**
   * Sends all that was ordered and starts the job.
   *
   * @returns The started job's id; null: something is left to decide, see `state` and `problem`.
   */
  async run({ subjects, terms, rows }: Order): Promise<string | null> {
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    this.#rows = rows;
    this.problem = null;
    this.state = 'sending';
    this.#places = subjects.flatMap((subject, index) =>
      subject.pictures.map((picture) => ({ index, subject, picture })),
    );
    for (const { picture } of this.#places) picture.sending = { state: 'waiting' };
    return this.#guard(async () => {
      await this.#discard();
      const draft = await this.#api.createDraft(terms, makeKey());
      if (signal.aborted) {
        // Cancelled before it had a name; by now another one may be on its way.
        await this.#api.remove(draft.id);
        return null;
      }
      this.#draft = draft.id;
      return this.#sendAndStart();
    });
  }

  /** Sends again what failed, all of it or only *subject*; starts when nothing is missing. */
  retry(subject?: Subject): Promise<string | null> {
    this.problem = null;
    this.state = 'sending';
    return this.#guard(() => this.#sendAndStart(subject));
  }

  /** Starts with what came, leaving the failed subjects out. */
  startWithout(): Promise<string | null> {
    this.state = 'starting';
    return this.#guard(async () => {
      await this.#closeGaps();
      return this.#start();
    });
  }

  async cancel(): Promise<void> {
    this.#abort.abort(new DOMException('Cancelled', 'AbortError'));
    for (const { picture } of this.#places) {
      const { sending } = picture;
      // What the server will never take stays marked, so that it is not ordered again.
      if (sending.state === 'failed' && sending.hopeless) picture.refusedBy = sending.message;
      picture.sending = { state: 'waiting' };
    }
    this.close();
    await this.#discard();
  }

  /** Forgets the order, which is on its way or cancelled. */
  close(): void {
    this.state = 'idle';
    this.problem = null;
    this.#places = [];
  }

  async #guard(action: () => Promise<string | null>): Promise<string | null> {
    const signal = this.#abort.signal;
    try {
      return await action();
    } catch (error) {
      if (signal.aborted) return null;
      this.problem = asProblem(error);
      this.state = this.#draft ? 'incomplete' : 'idle';
      return null;
    }
  }

  async #sendAndStart(only?: Subject): Promise<string | null> {
    const { signal } = this.#abort;
    const waiting = this.#places.filter(
      ({ picture, subject }) => isToSend(picture.sending) && (!only || only === subject),
    );
    const lanes = Array.from({ length: AT_ONCE }, async () => {
      for (let next = waiting.shift(); next; next = waiting.shift()) await this.#send(next, signal);
    });
    await Promise.all(lanes);
    if (signal.aborted) return null;
    // What somebody has sent again meanwhile is still on its way: the last to arrive starts.
    const arrived = this.#places.every(({ picture }) =>
      ['sent', 'failed'].includes(picture.sending.state),
    );
    if (!arrived || this.state === 'starting') return null;
    if (this.failed.length > 0) {
      this.state = 'incomplete';
      return null;
    }
    this.state = 'starting';
    return this.#start();
  }

  async #start(): Promise<string> {
    const id = this.#draftId;
    const rows = [...new Set(this.#places.map(({ subject }) => subject))].flatMap(
      (subject) => this.#rows.get(subject) ?? [],
    );
    if (rows.length > 0) await this.#api.describe(id, sheetOf(rows));
    await this.#api.start(id);
    this.#draft = null;
    return id;
  }

  async #send({ index, subject, picture }: Place, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    // The server finds the row of an item by the name that its picture came with.
    const row = this.#rows.get(subject);
    const name = row?.picture ?? (subject.pictures.length > 1 ? subject.name : picture.file.name);
    const to = { job: this.#draftId, index, view: picture.view, name };
    for (let attempt = 1; !signal.aborted; attempt++) {
      picture.sending = { state: 'sending', fraction: 0 };
      try {
        const onProgress = (fraction: number): void => {
          picture.sending = { state: 'sending', fraction };
        };
        await this.#api.uploadView(to, picture.file, onProgress, signal);
        picture.sending = { state: 'sent' };
        return;
      } catch (error) {
        if (signal.aborted) return;
        const problem = asProblem(error);
        if (!problem.passing || attempt === TRIES) {
          const { message, hopeless } = problem;
          picture.sending = { state: 'failed', message, hopeless };
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS * attempt));
      }
    }
  }

  /**
   * Removes the places of failed subjects, from the last one on, so that later ones move up.
   *
   * A place to which no picture came does not exist, and only what exists can be removed: it is
   * filled first.
   */
  async #closeGaps(): Promise<void> {
    const { signal } = this.#abort;
    const failed = this.failed;
    const good = this.#places.filter(({ subject }) => !failed.includes(subject));
    const filler = good.toSorted((a, b) => a.picture.file.size - b.picture.file.size)[0]?.picture;
    if (!filler) return;
    const lastGood = Math.max(...good.map(({ index }) => index));
    const gaps = new Set(
      this.#places.filter(({ subject }) => failed.includes(subject)).map(({ index }) => index),
    );
    for (const index of [...gaps].sort((a, b) => b - a)) {
      const views = this.#places.filter((place) => place.index === index);
      const exists = views.some(({ picture }) => picture.sending.state === 'sent');
      if (!exists && index > lastGood) continue;
      if (!exists) {
        const to = { job: this.#draftId, index, view: 'front' as const, name: `left-out-${index}` };
        await this.#api.uploadView(to, filler.file, () => undefined, signal);
      }
      await this.#api.removeItem(this.#draftId, index);
      // At once: if the next one cannot be removed, this one is not tried again at its old place.
      this.#places = this.#places
        .filter((place) => place.index !== index)
        .map((place) => ({ ...place, index: place.index - (place.index > index ? 1 : 0) }));
    }
    this.#places = this.#places.filter(({ subject }) => !failed.includes(subject));
  }

  get #draftId(): string {
    if (!this.#draft) throw new Error('there is no draft');
    return this.#draft;
  }

  /** Drops what an earlier try left on the server. */
  async #discard(): Promise<void> {
    const draft = this.#draft;
    this.#draft = null;
    // What cannot be removed now goes when the server cleans up.
    if (draft) await this.#api.remove(draft).catch(() => undefined);
  }
}
