import type { Api } from '../api/api';
import { asProblem } from '../api/problem';
import type { SheetRow } from '../api/types';
import { text } from '../strings/index';
import type { SheetFault } from './sheet-match';

/** The spreadsheet that names and sizes the objects, once somebody gave one. */
export class Sheet {
  /** Null: there is none. */
  file = $state.raw<File | null>(null);
  state = $state<'reading' | 'ready' | 'wrong'>('reading');
  rows = $state.raw<SheetRow[]>([]);
  /** Which sheet of a workbook was read, and what was left out. */
  notes = $state.raw<string[]>([]);
  /** What is wrong with it, cell by cell. */
  faults = $state.raw<SheetFault[]>([]);
  /** All that is wrong, told or not. */
  faultCount = $state(0);
  /** Why it could not be read at all. */
  message = $state('');
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
  }

  /** The generator that the sheet asks for; "": none. */
  get generator(): string {
    return this.rows.find((row) => row.generator)?.generator ?? '';
  }

  /** Takes *file* in place of an earlier one. */
  async read(file: File, limitBytes: number): Promise<void> {
    this.remove();
    this.file = file;
    if (file.size > limitBytes) return this.#refuse([], 0, text.sheet.large(limitBytes / 1e6));
    // Read here: what a browser cannot read would look as if the server did not answer.
    const content = await file.arrayBuffer().catch(() => null);
    if (this.file !== file) return;
    if (!content) return this.#refuse([], 0, text.sheet.unreadable);
    try {
      const { rows, notes } = await this.#api.readSheet(new Blob([content]));
      if (this.file !== file) return;
      this.rows = rows;
      this.notes = notes;
      this.state = 'ready';
    } catch (error) {
      if (this.file !== file) return;
      const { code, message, details } = asProblem(error);
      const told = code === 'invalid_sheet';
      const faults = told ? (details['errors'] as SheetFault[]) : [];
      this.#refuse(faults, told ? Number(details['count']) : 0, told ? '' : message);
    }
  }

  remove(): void {
    this.file = null;
    this.rows = [];
    this.notes = [];
    this.faults = [];
    this.message = '';
    this.state = 'reading';
  }

  #refuse(faults: SheetFault[], count: number, message: string): void {
    this.faults = faults;
    this.faultCount = count;
    this.message = message;
    this.state = 'wrong';
  }
}

/** Whether a file is a spreadsheet by its name, and no picture. */
export function isSheet(file: File): boolean {
  return /\.(csv|tsv|xlsx)$/i.test(file.name) || file.type === 'text/csv';
}
