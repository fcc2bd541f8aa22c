/** Which row of a spreadsheet is of which object, and the sheet that is sent for them. */
import type { SheetRow } from '../api/types';

/** One cell that is wrong, as the server tells it; the heading is row 1. */
export interface SheetFault {
  row: number;
  column: string;
  reason: string;
}

export interface Matched<Subject> {
  rows: Map<Subject, SheetRow>;
  /** Rows that describe nothing here. */
  left: { row: SheetRow; why: 'absent' | 'ambiguous' | 'taken' }[];
}

/** Reduces a file name to what is compared, as the server does: no folders, extension or case. */
export function pictureKey(fileName: string): string {
  const last = fileName.split(/[/\\]/).pop() ?? '';
  const stem = last.replace(/(?<=.)\.[^.]{1,5}$/, '');
  const clean = stem
    .normalize('NFC')
    .replace(/(?!\u200d)[\p{C}]/gu, '-')
    .replace(/[<>:"|?*]+/g, '-');
  return clean
    .replace(/\s+/g, ' ')
    .replace(/^[ .-]+|[ .-]+$/g, '')
    .toLowerCase();
}

/** Finds the row of every subject by the names of its pictures. */
export function matchRows<Subject extends { pictures: readonly { file: { name: string } }[] }>(
  rows: readonly SheetRow[],
  subjects: readonly Subject[],
): Matched<Subject> {
  const keys = new Map(
    subjects.map((one) => [one, one.pictures.map(({ file }) => pictureKey(file.name))]),
  );
  const matched: Matched<Subject> = { rows: new Map(), left: [] };
  for (const row of rows) {
    const found = subjects.filter((one) => keys.get(one)?.includes(row.key));
    const [only] = found;
    if (!only) matched.left.push({ row, why: 'absent' });
    else if (found.length > 1) matched.left.push({ row, why: 'ambiguous' });
    else if (matched.rows.has(only)) matched.left.push({ row, why: 'taken' });
    else matched.rows.set(only, row);
  }
  return matched;
}

/** Writes rows as CSV (RFC 4180) under the server's own column names. */
export function sheetOf(rows: readonly SheetRow[]): Blob {
  const columns = ['picture', 'generator'];
  for (const row of rows) {
    for (const column of Object.keys(row.metadata)) {
      if (!columns.includes(column)) columns.push(column);
    }
  }
  const lines = rows.map((row) => {
    const said: Record<string, unknown> = { ...row.metadata, generator: row.generator };
    return columns.map((column) => cell(said[column])).join(',');
  });
  return new Blob([[columns.map(cell).join(','), ...lines].join('\r\n')], { type: 'text/csv' });
}

/** Writes a sheet that names the pictures and leaves the rest to be filled in. */
export function templateOf(names: readonly string[]): Blob {
  const heading = ['picture', 'title', 'height_mm', 'notes'];
  const lines = names.map((name) => [name, '', '', ''].map(cell).join(','));
  // The mark tells spreadsheet programs that the text is UTF-8.
  return new Blob([`\ufeff${[heading.join(','), ...lines].join('\r\n')}\r\n`], {
    type: 'text/csv',
  });
}

function cell(value: unknown): string {
  const text = value === undefined || value === null ? '' : String(value);
  return /[",;\t\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
