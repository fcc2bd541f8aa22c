/** The pictures that wait to be sent, by the objects they show. */
import type { Generator, Limits, ViewName } from '../api/types';
import { VIEWS, stemOf, suggestGroups, viewOfName } from './names';
import { DraftPicture } from './picture.svelte';

/** One object to make: one picture, or several views of it. */
export class Subject {
  readonly id: string;
  name = $state('');
  pictures = $state<DraftPicture[]>([]);

  constructor(name: string, pictures: DraftPicture[]) {
    this.id = `s-${pictures[0]?.id ?? name}`;
    this.name = name;
    this.pictures = pictures;
  }

  get refused(): boolean {
    return this.pictures.some((one) => one.refusal !== null);
  }
}

export type Misfit = 'needs-views' | 'needs-front' | 'too-many-views' | 'wrong-view';

export class PictureTray {
  subjects = $state<Subject[]>([]);
  /** Files for which there was no room; they come in when there is. */
  leftOut = $state.raw<File[]>([]);
  /** How many files were no pictures beyond those that are shown. */
  ignored = $state(0);
  readonly #limits: () => Limits;

  /** @param limits What the server takes, as far as is known now. */
  constructor(limits: () => Limits) {
    this.#limits = limits;
  }

  get limits(): Limits {
    return this.#limits();
  }

  get pictures(): DraftPicture[] {
    return this.subjects.flatMap((one) => one.pictures);
  }

  get usable(): Subject[] {
    return this.subjects.filter((one) => !one.refused);
  }

  /** How many more objects a job may have; what cannot be made takes no place. */
  get room(): number {
    return Math.max(0, this.limits.items_per_job - this.usable.length);
  }

  /** @returns How many of them are pictures that came in. */
  add(files: Iterable<File>): number {
    const known = new Set([
      ...this.pictures.map(({ file }) => keyOf(file)),
      ...this.leftOut.map(keyOf),
    ]);
    const fresh = [...files].filter((file) => !known.has(keyOf(file)));
    const leftOut: File[] = [];
    const added: DraftPicture[] = [];
    let refused = this.subjects.length - this.usable.length;
    for (const file of fresh) {
      const picture = new DraftPicture(file, this.#limits);
      const shown = picture.refusal ? refused < this.limits.items_per_job : this.room > 0;
      if (shown) {
        if (picture.refusal) refused += 1;
        else added.push(picture);
        this.subjects.push(new Subject(stemOf(file.name), [picture]));
        continue;
      }
      if (picture.refusal) this.ignored += 1;
      else leftOut.push(file);
      picture.forget();
    }
    this.leftOut = [...this.leftOut, ...leftOut];
    void this.#look(added);
    return added.length;
  }

  /** Takes in as many of those that were left out as there is room for. */
  addLeftOut(): number {
    const waiting = this.leftOut;
    this.leftOut = [];
    return this.add(waiting);
  }

  /**
   * Brings back objects that were kept, before those that are there.
   *
   * @returns How many pictures came back.
   */
  restore(
    kept: readonly {
      name: string;
      pictures: readonly { key: string; view: ViewName; file: File }[];
    }[],
  ): number {
    const known = new Set(this.pictures.map(({ file }) => keyOf(file)));
    const subjects = kept
      .map(({ name, pictures }) => {
        const back = pictures
          .filter(({ file }) => !known.has(keyOf(file)))
          .map(({ key, view, file }) => {
            const picture = new DraftPicture(file, this.#limits, key);
            picture.view = view;
            return picture;
          });
        return new Subject(name, back);
      })
      .filter((one) => one.pictures.length > 0);
    this.subjects = [...subjects, ...this.subjects];
    const pictures = subjects.flatMap((one) => one.pictures);
    void this.#look(pictures);
    return pictures.length;
  }

  remove(subject: Subject): void {
    subject.pictures.forEach((one) => one.forget());
    this.subjects = this.subjects.filter((one) => one !== subject);
  }

  clear(): void {
    this.pictures.forEach((one) => one.forget());
    this.subjects = [];
    this.leftOut = [];
    this.ignored = 0;
  }

  /** Puts a subject at another place; those between move by one. */
  move(subject: Subject, to: number): void {
    const rest = this.subjects.filter((one) => one !== subject);
    rest.splice(Math.min(Math.max(to, 0), rest.length), 0, subject);
    this.subjects = rest;
  }

  /** How many groups that *generator* takes the names suggest among pictures that stand alone. */
  suggestions(generator: Generator): number {
    const names = this.#loners.map(({ picture }) => picture.file.name);
    return suggestGroups(names, generator).length;
  }

  groupAsSuggested(generator: Generator): void {
    const loners = this.#loners;
    const names = loners.map(({ picture }) => picture.file.name);
    for (const group of suggestGroups(names, generator)) {
      const members = [...group].flatMap(([view, place]) => {
        const loner = loners[place];
        if (loner) loner.picture.view = view;
        return loner ?? [];
      });
      this.#join(members.map(({ subject }) => subject));
    }
  }

  /** Makes *subject* further views of the subject before it. */
  joinPrevious(subject: Subject): void {
    const before = this.subjects[this.subjects.indexOf(subject) - 1];
    if (!before) return;
    for (const picture of subject.pictures) {
      const taken = new Set(before.pictures.map((one) => one.view));
      const named = viewOfName(picture.file.name)?.view;
      const free = VIEWS.find((view) => !taken.has(view));
      const view = named && !taken.has(named) ? named : free;
      if (!view) return;
      picture.view = view;
      before.pictures.push(picture);
    }
    this.subjects = this.subjects.filter((one) => one !== subject);
  }

  split(subject: Subject): void {
    const at = this.subjects.indexOf(subject);
    const parts = subject.pictures.map((picture) => {
      picture.view = 'front';
      return new Subject(stemOf(picture.file.name), [picture]);
    });
    this.subjects = this.subjects.toSpliced(at, 1, ...parts);
  }

  /** Says which side a picture shows; the one that showed it before changes places with it. */
  setView(subject: Subject, picture: DraftPicture, view: ViewName): void {
    const other = subject.pictures.find((one) => one.view === view);
    if (other) other.view = picture.view;
    picture.view = view;
  }

  get #loners(): { subject: Subject; picture: DraftPicture }[] {
    return this.usable.flatMap((subject) => {
      const [picture] = subject.pictures;
      return picture && subject.pictures.length === 1 ? [{ subject, picture }] : [];
    });
  }

  /** One after the other, for decoding 25 large pictures at once takes gigabytes. */
  async #look(pictures: readonly DraftPicture[]): Promise<void> {
    for (const picture of pictures) {
      await picture.look();
      // What turns out to be damaged gives its place to one that was left out.
      if (picture.refusal && this.leftOut.length > 0) this.addLeftOut();
    }
  }

  #join(members: Subject[]): void {
    const [first, ...others] = members;
    if (!first) return;
    first.pictures = members
      .flatMap((one) => one.pictures)
      .toSorted((a, b) => VIEWS.indexOf(a.view) - VIEWS.indexOf(b.view));
    const named = first.pictures[0];
    const object = named && viewOfName(named.file.name)?.object;
    if (object) first.name = stemOf(named.file.name).slice(0, object.length);
    this.subjects = this.subjects.filter((one) => !others.includes(one));
  }
}

/** Tells why a subject's pictures do not suit a generator; null: they do. */
export function misfitOf(subject: Subject, generator: Generator): Misfit | null {
  const views = subject.pictures.map((one) => one.view);
  if (views.length > generator.max_views) return 'too-many-views';
  const allowed = [...generator.required_views, ...generator.optional_views];
  if (generator.required_views.some((view) => !views.includes(view))) return 'needs-front';
  if (views.some((view) => !allowed.includes(view))) return 'wrong-view';
  return views.length < generator.min_views ? 'needs-views' : null;
}

function keyOf(file: File): string {
  return `${file.name}:${file.size}:${file.lastModified}`;
}
