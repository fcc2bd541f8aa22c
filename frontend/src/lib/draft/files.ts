/** Files from wherever a person brings them: folders dropped, clipboards, pickers. */

import { pictureType } from './limits';
import { isSheet } from './sheet.svelte';

/** Reads all files of a drop, going through folders. */
export async function filesOfDrop(transfer: DataTransfer): Promise<File[]> {
  // Entries must be taken before the first await: the list is emptied when the event ends.
  const entries = [...transfer.items].flatMap((item) => item.webkitGetAsEntry() ?? []);
  if (entries.length === 0) return [...transfer.files];
  const found = await Promise.all(entries.map(filesOfEntry));
  return found.flat().filter(isWorthTrying);
}

/** Files that a paste brings, named so that two screenshots are told apart. */
export function filesOfPaste(clipboard: DataTransfer | null): File[] {
  return [...(clipboard?.files ?? [])].map((file, place) =>
    /^image\.\w+$/.test(file.name)
      ? new File(
          [file],
          `pasted-${Date.now() % 1_000_000}-${place + 1}.${file.name.split('.')[1]}`,
          file,
        )
      : file,
  );
}

/** Leaves out what folders hold beside pictures; single files are kept, to say what is wrong. */
export function isWorthTrying(file: File): boolean {
  return !file.name.startsWith('.') && !/^(thumbs\.db|desktop\.ini)$/i.test(file.name);
}

async function filesOfEntry(entry: FileSystemEntry): Promise<File[]> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) =>
      (entry as FileSystemFileEntry).file(resolve, reject),
    );
    return [file];
  }
  const found: File[] = [];
  for (const child of await childrenOf(entry as FileSystemDirectoryEntry)) {
    const files = await filesOfEntry(child);
    found.push(...files.filter((file) => pictureType(file) !== '' || isSheet(file)));
  }
  return found;
}

async function childrenOf(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const all: FileSystemEntry[] = [];
  // Browsers hand out at most a hundred at a time, and an empty list at the end.
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (some.length === 0) return all.sort((a, b) => a.name.localeCompare(b.name));
    all.push(...some);
  }
}
