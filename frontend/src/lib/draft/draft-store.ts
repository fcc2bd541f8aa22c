/** Drafts in the browser's own database, so that a reload or a closed tab loses no pictures. */
import type { KeepPolicy, ViewName } from '../api/types';

/** What is kept of an order; the pictures themselves are beside it, by their keys. */
export interface DraftRecord {
  id: string;
  savedMs: number;
  subjects: { name: string; pictures: { key: string; view: ViewName }[] }[];
  /** Whether there is a spreadsheet among the files. */
  sheet: boolean;
  budgetUsd: number | null;
  keep: KeepPolicy | null;
}

const NAME = 'image2model';
const DRAFTS = 'drafts';
const FILES = 'files';
/** The key of a draft's spreadsheet among its files. */
export const SHEET_KEY = 'sheet';

export class DraftStore {
  #opened: Promise<IDBDatabase> | null = null;

  async ids(): Promise<string[]> {
    const drafts = await this.#run<DraftRecord[]>('readonly', (store) => store(DRAFTS).getAll());
    return drafts.toSorted((a, b) => b.savedMs - a.savedMs).map((one) => one.id);
  }

  async read(id: string): Promise<DraftRecord | null> {
    return (
      (await this.#run<DraftRecord | undefined>('readonly', (store) => store(DRAFTS).get(id))) ??
      null
    );
  }

  async readFile(id: string, key: string): Promise<File | null> {
    return (
      (await this.#run<File | undefined>('readonly', (store) => store(FILES).get([id, key]))) ??
      null
    );
  }

  /** Keeps a draft with *files*, and forgets its files of other keys. All of it or nothing. */
  async write(draft: DraftRecord, files: ReadonlyMap<string, File>): Promise<void> {
    const known = await this.#keys(draft.id);
    await this.#run('readwrite', (store) => {
      // A picture is written once: they are large, and never change.
      for (const [key, file] of files) {
        if (key === SHEET_KEY || !known.has(key)) store(FILES).put(file, [draft.id, key]);
      }
      for (const key of known) if (!files.has(key)) store(FILES).delete([draft.id, key]);
      return store(DRAFTS).put(draft);
    });
  }

  async remove(id: string): Promise<void> {
    const known = await this.#keys(id);
    await this.#run('readwrite', (store) => {
      for (const key of known) store(FILES).delete([id, key]);
      return store(DRAFTS).delete(id);
    });
  }

  async #keys(id: string): Promise<Set<string>> {
    const all = IDBKeyRange.bound([id], [id, []]);
    const found = await this.#run<IDBValidKey[]>('readonly', (store) =>
      store(FILES).getAllKeys(all),
    );
    return new Set(found.map((key) => (key as [string, string])[1]));
  }

  /** Runs requests in one transaction; the answer is that of the request returned. */
  async #run<T>(
    mode: IDBTransactionMode,
    action: (store: (name: string) => IDBObjectStore) => IDBRequest,
  ): Promise<T> {
    const database = await (this.#opened ??= open());
    return new Promise((resolve, reject) => {
      const transaction = database.transaction([DRAFTS, FILES], mode);
      const request = action((name) => transaction.objectStore(name));
      transaction.oncomplete = () => resolve(request.result as T);
      transaction.onerror = () => reject(transaction.error ?? new Error('not written'));
      transaction.onabort = () => reject(transaction.error ?? new Error('not written'));
    });
  }
}

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore(DRAFTS, { keyPath: 'id' });
      request.result.createObjectStore(FILES);
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('no database'));
  });
}
