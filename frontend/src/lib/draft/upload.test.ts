import { expect, it } from 'vitest';
import type { Api } from '../api/api';
import { Problem } from '../api/problem';
import { USUAL_LIMITS } from './limits';
import { DraftPicture } from './picture.svelte';
import { Subject } from './tray.svelte';
import { Upload } from './upload.svelte';

const TERMS = { generator: 'local/puff', options: {}, keep: null, budget_usd: null };

const subject = (name: string): Subject =>
  new Subject(name, [new DraftPicture(new File(['x'], `${name}.png`), () => USUAL_LIMITS)]);

/** A server that cannot take any picture the first time, and then takes each when it is told to. */
class SlowServer {
  readonly taken: string[] = [];
  starts: string[][] = [];
  readonly #refused = new Set<string>();
  readonly #waiting = new Map<string, () => void>();

  createDraft(): Promise<{ id: string }> {
    return Promise.resolve({ id: 'draft' });
  }

  async uploadView(to: { name: string }): Promise<void> {
    if (!this.#refused.has(to.name)) {
      this.#refused.add(to.name);
      throw new Problem(409, 'wrong_state', 'Not now.', {});
    }
    await new Promise<void>((resolve) => this.#waiting.set(to.name, resolve));
    this.taken.push(to.name);
  }

  start(): Promise<void> {
    this.starts.push([...this.taken]);
    return Promise.resolve();
  }

  take(name: string): void {
    this.#waiting.get(name)?.();
  }
}

it('starts once, when the last of several pictures that are sent again has arrived', async () => {
  const server = new SlowServer();
  const upload = new Upload(server as unknown as Api);
  const [cup, pot] = [subject('cup'), subject('pot')];
  const order = { subjects: [cup, pot], terms: TERMS, rows: new Map() };
  expect(await upload.run(order)).toBeNull();
  expect(upload.failed).toEqual([cup, pot]);

  const first = upload.retry(cup);
  const second = upload.retry(pot);
  server.take('cup.png');
  expect(await first).toBeNull();
  expect(upload.state).toBe('sending');
  expect(server.starts).toEqual([]);

  server.take('pot.png');
  expect(await second).toBe('draft');
  expect(server.starts).toEqual([['cup.png', 'pot.png']]);
});

it('starts once when all arrive together', async () => {
  const server = new SlowServer();
  const upload = new Upload(server as unknown as Api);
  const [cup, pot] = [subject('cup'), subject('pot')];
  const order = { subjects: [cup, pot], terms: TERMS, rows: new Map() };
  await upload.run(order);
  const both = [upload.retry(cup), upload.retry(pot)];
  server.take('cup.png');
  server.take('pot.png');
  expect((await Promise.all(both)).filter(Boolean)).toEqual(['draft']);
  expect(server.starts).toHaveLength(1);
});

/** A server whose drafts come when they are made to, and whose answers can be lost. */
class DraftServer {
  readonly items: string[] = [];
  readonly started: string[] = [];
  readonly removed: string[] = [];
  readonly refused = new Set<string>();
  removalsToLose = 0;
  readonly #drafts: (() => void)[] = [];
  #made = 0;

  createDraft(): Promise<{ id: string }> {
    const id = `draft ${(this.#made += 1)}`;
    return new Promise((resolve) => this.#drafts.push(() => resolve({ id })));
  }

  makeDrafts(): void {
    for (const make of this.#drafts.splice(0)) make();
  }

  uploadView(to: { index: number; name: string }): Promise<void> {
    if (this.refused.has(to.name)) return Promise.reject(new Problem(422, 'no', 'No.', {}));
    this.items[to.index] = to.name;
    return Promise.resolve();
  }

  removeItem(_id: string, index: number): Promise<void> {
    if (this.removalsToLose > 0 && index === 1) {
      this.removalsToLose -= 1;
      return Promise.reject(new Problem(503, 'away', 'Away.', {}));
    }
    this.items.splice(index, 1);
    return Promise.resolve();
  }

  remove(id: string): Promise<void> {
    this.removed.push(id);
    return Promise.resolve();
  }

  start(id: string): Promise<void> {
    this.started.push(id);
    return Promise.resolve();
  }
}

it('drops the draft of an order that was cancelled before it came', async () => {
  const server = new DraftServer();
  const upload = new Upload(server as unknown as Api);
  const order = { subjects: [subject('cup')], terms: TERMS, rows: new Map() };
  const first = upload.run(order);
  await Promise.resolve();
  await upload.cancel();
  const second = upload.run(order);
  await Promise.resolve();
  server.makeDrafts();
  expect(await Promise.all([first, second])).toEqual([null, 'draft 2']);
  expect(server.removed).toEqual(['draft 1']);
  expect(server.started).toEqual(['draft 2']);
});

it('leaves out what failed and nothing else, though an answer was lost', async () => {
  const server = new DraftServer();
  const upload = new Upload(server as unknown as Api);
  const subjects = ['a', 'b', 'c', 'd', 'e'].map(subject);
  server.refused.add('b.png').add('d.png');
  const order = upload.run({ subjects, terms: TERMS, rows: new Map() });
  await Promise.resolve();
  server.makeDrafts();
  expect(await order).toBeNull();
  expect(upload.failed).toHaveLength(2);
  server.removalsToLose = 1;
  expect(await upload.startWithout()).toBeNull();
  expect(upload.problem?.code).toBe('away');
  expect(await upload.startWithout()).toBe('draft 1');
  expect(server.items).toEqual(['a.png', 'c.png', 'e.png']);
});

it('never sends again what is refused for good, and marks it', async () => {
  const server = new DraftServer();
  const upload = new Upload(server as unknown as Api);
  const [cup, pot] = [subject('cup'), subject('pot')];
  server.refused.add('pot.png');
  const order = upload.run({ subjects: [cup, pot], terms: TERMS, rows: new Map() });
  await Promise.resolve();
  server.makeDrafts();
  expect(await order).toBeNull();
  expect(upload.state).toBe('incomplete');
  expect(upload.repeatable).toBe(false);
  server.refused.clear();
  expect(await upload.retry()).toBeNull();
  expect(server.items).toEqual(['cup.png']);
  expect(upload.state).toBe('incomplete');
  await upload.cancel();
  expect(pot.refused).toBe(true);
  expect(pot.pictures[0]?.refusal).toBe('server');
  expect(cup.refused).toBe(false);
});
