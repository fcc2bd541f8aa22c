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

/** A server that refuses every picture once, and then takes each when it is told to. */
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
      throw new Problem(422, 'picture_damaged', 'It cannot be read.', {});
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
