/** What a JPEG says of itself before it is decoded. */

/** The header of a JPEG, with its thumbnail and profile, ends within this. */
const HEADER_BYTES = 512 * 1024;
const FRAMES = new Set([0xc0, 0xc1, 0xc2]);

/** Reads width times height from the header of a JPEG; 0: it is none. */
export async function jpegPixels(file: Blob): Promise<number> {
  const bytes = new DataView(await file.slice(0, HEADER_BYTES).arrayBuffer());
  if (bytes.byteLength < 4 || bytes.getUint16(0) !== 0xffd8) return 0;
  let at = 2;
  while (at + 9 <= bytes.byteLength && bytes.getUint8(at) === 0xff) {
    const marker = bytes.getUint8(at + 1);
    if (FRAMES.has(marker)) return bytes.getUint16(at + 5) * bytes.getUint16(at + 7);
    at += marker === 0xff ? 1 : 2 + bytes.getUint16(at + 2);
  }
  return 0;
}
