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
  /** How many files were left out because the tray was full. */
  leftOut = $state(0);
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

  add(files: Iterable<File>): number {
    const known = new Set(this.pictures.map(({ file }) => keyOf(file)));
    const fresh = [...files].filter((file) => !known.has(keyOf(file)));
    const room = Math.max(0, this.limits.items_per_job - this.subjects.length);
    this.leftOut = Math.max(0, fresh.length - room);
    const added = fresh.slice(0, room).map((file) => new DraftPicture(file, this.#limits));
    for (const picture of added) {
      this.subjects.push(new Subject(stemOf(picture.file.name), [picture]));
    }
    void lookOneByOne(added);
    return added.length;
  }

  remove(subject: Subject): void {
    subject.pictures.forEach((one) => one.forget());
    this.subjects = this.subjects.filter((one) => one !== subject);
    this.leftOut = 0;
  }

  clear(): void {
    this.pictures.forEach((one) => one.forget());
    this.subjects = [];
    this.leftOut = 0;
  }

  /** Puts a subject at another place; those between move by one. */
  move(subject: Subject, to: number): void {
    const rest = this.subjects.filter((one) => one !== subject);
    rest.splice(Math.min(Math.max(to, 0), rest.length), 0, subject);
    this.subjects = rest;
  }

  /** How many groups the file names suggest among pictures that stand alone. */
  get suggestions(): number {
    return suggestGroups(this.#loners.map(({ picture }) => picture.file.name)).length;
  }

  groupAsSuggested(): void {
    const loners = this.#loners;
    for (const group of suggestGroups(loners.map(({ picture }) => picture.file.name))) {
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
    return this.subjects.flatMap((subject) => {
      const [picture] = subject.pictures;
      return picture && subject.pictures.length === 1 ? [{ subject, picture }] : [];
    });
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

/** One after the other, for decoding 25 large pictures at once takes gigabytes. */
async function lookOneByOne(pictures: DraftPicture[]): Promise<void> {
  for (const picture of pictures) await picture.look();
}
