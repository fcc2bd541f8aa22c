import { PREFIX, load, send, sendFile, sendForFile } from './http';
import { noAnswer } from './problem';
import type {
  Account,
  ApiKey,
  DraftTerms,
  Fidelity,
  Forgotten,
  Generator,
  Item,
  Job,
  JobDelta,
  JobList,
  JobPatch,
  JobStateName,
  KeyTerms,
  Limits,
  ModelReport,
  NewApiKey,
  Resolution,
  Sheet,
  ViewName,
  Session,
} from './types';

export interface JobQuery {
  q: string;
  state: JobStateName | null;
  starred: boolean;
  cursor?: string | null;
}

/** What the server can do, one method for each call. All throw `Problem`. */
export class Api {
  async generators(): Promise<Generator[]> {
    return (await send<{ generators: Generator[] }>('GET', '/generators')).generators;
  }

  limits(): Promise<Limits> {
    return send('GET', '/limits');
  }

  account(): Promise<Account> {
    return send('GET', '/account');
  }

  session = (): Promise<Session> => send('GET', '/session');

  signIn(key: string): Promise<void> {
    return send('POST', '/session', { body: { key } });
  }

  signOut(): Promise<void> {
    return send('DELETE', '/session');
  }

  /** Deletes all that the visitor has here. */
  forgetMe(): Promise<Forgotten> {
    return send('DELETE', '/account');
  }

  async keys(): Promise<ApiKey[]> {
    return (await send<{ keys: ApiKey[] }>('GET', '/keys')).keys;
  }

  createKey(terms: KeyTerms): Promise<NewApiKey> {
    return send('POST', '/keys', { body: terms });
  }

  revokeKey(id: string): Promise<void> {
    return send('DELETE', `/keys/${id}`);
  }

  /** Has the server fetch a picture, which the page itself may not. */
  async fetchPicture(url: string, signal: AbortSignal): Promise<File> {
    const answer = await sendForFile('/pictures', { url }, signal);
    const content = await answer.blob();
    return new File([content], fileName(answer) ?? 'picture', { type: content.type });
  }

  /** Reads a spreadsheet; what is wrong with it is in the details of the problem. */
  readSheet(file: Blob): Promise<Sheet> {
    return send('POST', '/sheet', { file });
  }

  /** Describes a draft's items, whose pictures have come. */
  describe(id: string, sheet: Blob): Promise<Job> {
    return send('PUT', `/jobs/${id}/sheet`, { file: sheet });
  }

  jobs({ q, state, starred, cursor }: JobQuery): Promise<JobList> {
    const query = new URLSearchParams({ limit: '24' });
    if (q) query.set('q', q);
    if (state) query.set('state', state);
    if (starred) query.set('starred', 'true');
    if (cursor) query.set('cursor', cursor);
    return send('GET', `/jobs?${query}`);
  }

  job(id: string, signal?: AbortSignal): Promise<Job> {
    return send('GET', `/jobs/${id}`, signal ? { signal } : {});
  }

  /** Waits until the job is beyond *version*, or for *waitS* seconds. */
  news(id: string, version: number, waitS: number, signal: AbortSignal): Promise<JobDelta> {
    const path = `/jobs/${id}?after_version=${version}&wait_s=${waitS}`;
    return send('GET', path, { signal });
  }

  /** @param key The same for every try, so that one draft comes of them. */
  createDraft(terms: DraftTerms, key: string): Promise<Job> {
    const headers = { 'Idempotency-Key': key };
    return send('POST', '/jobs?draft=true', { body: terms, headers });
  }

  uploadView(
    to: { job: string; index: number; view: ViewName; name: string },
    file: Blob,
    onProgress: (fraction: number) => void,
    signal: AbortSignal,
  ): Promise<Job> {
    const name = encodeURIComponent(to.name);
    const path = `/jobs/${to.job}/items/${to.index}/views/${to.view}?name=${name}`;
    return sendFile(path, file, onProgress, signal);
  }

  removeItem(id: string, index: number): Promise<Job> {
    return send('DELETE', `/jobs/${id}/items/${index}`);
  }

  start(id: string): Promise<Job> {
    return send('POST', `/jobs/${id}/start`);
  }

  update(id: string, patch: JobPatch): Promise<Job> {
    return send('PATCH', `/jobs/${id}`, { body: patch });
  }

  remove(id: string): Promise<void> {
    return send('DELETE', `/jobs/${id}`);
  }

  control(id: string, action: 'cancel' | 'pause' | 'resume' | 'retry'): Promise<Job> {
    return send('POST', `/jobs/${id}/${action}`);
  }

  controlItem(id: string, index: number, action: 'cancel' | 'retry'): Promise<Job> {
    return send('POST', `/jobs/${id}/items/${index}/${action}`);
  }

  resolve(id: string, index: number, resolution: Resolution): Promise<Job> {
    return send('POST', `/jobs/${id}/items/${index}/resolve`, { body: { resolution } });
  }

  /** Asks whether the server and all that it needs work. */
  async healthy(): Promise<boolean> {
    return (await send<{ status: string }>('GET', '/health/ready')).status === 'ok';
  }

  /** Asks what a model holds and whether it prints; takes the server a moment of work. */
  inspect(id: string, index: number, signal: AbortSignal): Promise<ModelReport> {
    return send('GET', `/jobs/${id}/items/${index}/inspect`, { signal });
  }

  /** Asks how well a model matches its photo; takes the server a moment of work, once. */
  fidelity(id: string, index: number, signal: AbortSignal): Promise<Fidelity> {
    return send('GET', `/jobs/${id}/items/${index}/fidelity`, { signal });
  }

  /**
   * Reads a result's file, if our server has it.
   *
   * @returns The file, and what was given up to make it so; null: it is elsewhere, where pages of
   * ours read nothing.
   */
  async download(url: string, signal?: AbortSignal): Promise<LoadedFile | null> {
    const answer = await load(url, signal);
    if (answer === null) return null;
    const notes = JSON.parse(answer.headers.get('Conversion-Notes') ?? '[]') as string[];
    return { content: await answer.blob(), notes };
  }

  /** Reads a file that our server has. */
  async file(url: string, signal?: AbortSignal): Promise<Blob> {
    const found = await this.download(url, signal);
    if (!found) throw noAnswer();
    return found.content;
  }
}

export interface LoadedFile {
  content: Blob;
  /** One plain sentence each, without a stop. */
  notes: string[];
}

/** Where an item's model can be downloaded in *format*, adjusted to *query*. */
export function modelUrl(
  job: string,
  index: number,
  format: string,
  query = new URLSearchParams(),
): string {
  const path = `${PREFIX}/jobs/${job}/items/${index}/model.${format}`;
  return query.size ? `${path}?${query}` : path;
}

/**
 * Names the model that an item has now.
 *
 * Browsers keep what is behind an address with it, so it changes when the item is made again.
 */
export function modelVersion(item: Item): string {
  const mesh = item.result?.files.find((file) => file.role === 'mesh');
  return `${item.attempts.length}-${mesh?.sha256?.slice(0, 16) ?? ''}`;
}

/** Where the page reads an item's model: never at its provider, whom the page may not ask. */
export function shownModelUrl(job: string, item: Item): string {
  return `${modelUrl(job, item.index, 'glb')}?through=true&v=${modelVersion(item)}`;
}

/** Where the picture of an item's model is. */
export function previewUrl(job: string, item: Item): string {
  return `${PREFIX}/jobs/${job}/items/${item.index}/preview.webp?v=${modelVersion(item)}`;
}

/** Where pictures of an item's model from all around are, in one file. */
export function spriteUrl(job: string, item: Item): string {
  return `${PREFIX}/jobs/${job}/items/${item.index}/sprite.webp?v=${modelVersion(item)}`;
}

/** Where a small rendition of a picture is, for rows of lists. */
export function smallest(thumbUrl: string): string {
  return `${thumbUrl}&size_px=160`;
}

/** Where all models of a job can be downloaded as one file. */
export function archiveUrl(job: string, query: URLSearchParams): string {
  const path = `${PREFIX}/jobs/${job}/archive.zip`;
  return query.size ? `${path}?${query}` : path;
}

/** Reads the name that the server gave to a file (RFC 6266). */
function fileName(answer: Response): string | null {
  const disposition = answer.headers.get('Content-Disposition') ?? '';
  const extended = /filename\*=UTF-8''([^;]+)/i.exec(disposition)?.[1];
  if (extended) return decodeURIComponent(extended);
  return /filename="([^"]+)"/.exec(disposition)?.[1] ?? null;
}
