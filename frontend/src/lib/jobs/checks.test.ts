import { describe, expect, it } from 'vitest';
import { Problem } from '../api/problem';
import type { Fidelity, Item, ModelReport } from '../api/types';
import { ModelChecks } from './checks.svelte';

const REPORT = { print: { verdict: 'ready', reasons: [] } } as unknown as ModelReport;
const FIDELITY = { score: 0.9 } as Fidelity;

function made(index: number, over: { sha256?: string; facts?: object } = {}): Item {
  const mesh = { role: 'mesh', format: 'glb', sha256: over.sha256 ?? `model ${index}` };
  const result = { files: [mesh], facts: over.facts ?? {} };
  return { index, state: 'succeeded', result } as unknown as Item;
}

/** Answers when it is told to, and remembers what it was asked. */
class Desk {
  readonly asked: string[] = [];
  readonly #answers: (() => void)[] = [];

  inspect(_job: string, index: number): Promise<ModelReport> {
    return this.#hold(`inspect ${index}`, REPORT);
  }

  fidelity(_job: string, index: number): Promise<Fidelity> {
    return this.#hold(`fidelity ${index}`, FIDELITY);
  }

  /** Answers what is open, again and again until nothing more is asked. */
  async answerAll(): Promise<void> {
    while (this.#answers.length > 0) {
      this.#answers.shift()?.();
      await Promise.resolve();
      await new Promise((resolve) => setTimeout(resolve));
    }
  }

  #hold<T>(what: string, answer: T): Promise<T> {
    this.asked.push(what);
    return new Promise((resolve) => this.#answers.push(() => resolve(answer)));
  }
}

describe('ModelChecks', () => {
  it('asks about a few models at a time', async () => {
    const desk = new Desk();
    const checks = new ModelChecks(desk, 'job');
    for (const index of [0, 1, 2]) checks.want(made(index));
    expect(desk.asked).toEqual([]);
    checks.allow(2);
    expect(desk.asked).toEqual(['inspect 0', 'inspect 1']);
    expect(checks.open).toBe(3);
    await desk.answerAll();
    expect(desk.asked).toHaveLength(6);
    expect(checks.open).toBe(0);
    expect(checks.of(made(2))).toEqual({ report: REPORT, fidelity: FIDELITY, problem: null });
  });

  it('asks once about the same model, and again about a new one', async () => {
    const desk = new Desk();
    const checks = new ModelChecks(desk, 'job');
    checks.allow(1);
    checks.want(made(0));
    checks.want(made(0));
    await desk.answerAll();
    checks.want(made(0));
    expect(desk.asked).toEqual(['inspect 0', 'fidelity 0']);
    checks.want(made(0, { sha256: 'another' }));
    expect(desk.asked.at(-1)).toBe('inspect 0');
    expect(checks.of(made(0, { sha256: 'another' }))).toBeUndefined();
    await desk.answerAll();
  });

  it('asks first about what somebody opened', () => {
    const desk = new Desk();
    const checks = new ModelChecks(desk, 'job');
    checks.wantAll([made(0), made(1), made(2)]);
    checks.want(made(2), { first: true });
    checks.allow(1);
    expect(desk.asked).toEqual(['inspect 2']);
    expect(checks.open).toBe(3);
  });

  it('does not ask for what the item tells already', async () => {
    const desk = new Desk();
    const checks = new ModelChecks(desk, 'job');
    checks.allow(1);
    checks.want(made(0, { facts: { fidelity: FIDELITY } }));
    await desk.answerAll();
    expect(desk.asked).toEqual(['inspect 0']);
  });

  it('forgets what went out of sight, unless all are wanted', async () => {
    const desk = new Desk();
    const checks = new ModelChecks(desk, 'job');
    checks.want(made(0));
    checks.leave(made(0));
    expect(checks.open).toBe(0);
    checks.wantAll([made(0), made(1), { index: 2, state: 'failed' } as Item]);
    checks.leave(made(0));
    expect(checks.open).toBe(2);
  });

  it('says why it knows nothing, and goes on', async () => {
    const gone = new Problem(410, 'result_expired', 'Gone.');
    const checks = new ModelChecks(
      { inspect: () => Promise.reject(gone), fidelity: () => Promise.resolve(FIDELITY) },
      'job',
    );
    checks.allow(1);
    checks.wantAll([made(0), made(1)]);
    await new Promise((resolve) => setTimeout(resolve));
    expect(checks.of(made(1))?.problem).toBe(gone);
    expect(checks.open).toBe(0);
  });
});
