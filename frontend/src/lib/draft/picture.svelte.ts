import { makeKey } from '../api/key';
import type { Limits, ViewName } from '../api/types';
import { type Hint, LOOK_PX, findHints } from './hints';
import { jpegPixels } from './jpeg';
import { type Refusal, pictureType, refusalOf } from './limits';

export type Sending =
  | { state: 'waiting' }
  | { state: 'sending'; fraction: number }
  | { state: 'sent' }
  | { state: 'failed'; message: string; hopeless: boolean };

/** Whether a picture is still to be sent, and may arrive. */
export function isToSend(sending: Sending): boolean {
  return sending.state === 'waiting' || (sending.state === 'failed' && !sending.hopeless);
}

/** One file that a person gave. */
export class DraftPicture {
  readonly id = nextId();
  /** By which it is kept in this browser. */
  readonly key: string;
  readonly file: File;
  /** Where the page has it, small once it was looked at. */
  url = $state('');
  view = $state<ViewName>('front');
  hints = $state.raw<Hint[]>([]);
  size = $state.raw<{ widthPx: number; heightPx: number } | null>(null);
  sending = $state.raw<Sending>({ state: 'waiting' });
  /** Why the server will never take it, in its words; null: it has not said so. */
  refusedBy = $state<string | null>(null);
  #unreadable = $state(false);
  #forgotten = false;
  readonly #limits: () => Limits;

  /** @param limits What the server takes, as far as is known now. */
  constructor(file: File, limits: () => Limits, key = makeKey()) {
    this.key = key;
    this.file = file;
    this.url = URL.createObjectURL(file);
    this.#limits = limits;
  }

  /** Why it cannot be sent; null: nothing is known against it. */
  get refusal(): Refusal | null {
    return (
      refusalOf(this.file, this.size, this.#limits()) ??
      (this.#unreadable ? 'unreadable' : this.refusedBy === null ? null : 'server')
    );
  }

  /** Decodes the picture small, to know its size and what may spoil the model. */
  async look(): Promise<void> {
    if (this.refusal) return;
    let full: ImageBitmap;
    try {
      full = await createImageBitmap(this.file);
    } catch {
      // Hardly any browser shows HEIC, and none a JPEG of hundreds of megapixels: the server
      // reads both.
      const huge = (await jpegPixels(this.file)) > this.#limits().picture_pixels;
      this.#unreadable = pictureType(this.file) !== 'image/heic' && !huge;
      return;
    }
    this.size = { widthPx: full.width, heightPx: full.height };
    const scale = Math.min(1, LOOK_PX / Math.max(full.width, full.height));
    const widthPx = Math.max(1, Math.round(full.width * scale));
    const heightPx = Math.max(1, Math.round(full.height * scale));
    const canvas = new OffscreenCanvas(widthPx, heightPx);
    const context = canvas.getContext('2d', { willReadFrequently: true });
    context?.drawImage(full, 0, 0, widthPx, heightPx);
    const pixels = context?.getImageData(0, 0, widthPx, heightPx).data;
    const [fullWidthPx, fullHeightPx] = [full.width, full.height];
    full.close();
    if (pixels) this.hints = findHints({ pixels, widthPx, heightPx, fullWidthPx, fullHeightPx });
    // Twenty-five whole photos on one page would be decoded again whenever it scrolls.
    if (context && scale < 1) this.#show(await canvas.convertToBlob({ type: 'image/webp' }));
  }

  #show(small: Blob): void {
    if (this.#forgotten) return;
    URL.revokeObjectURL(this.url);
    this.url = URL.createObjectURL(small);
  }

  forget(): void {
    this.#forgotten = true;
    URL.revokeObjectURL(this.url);
  }
}

let made = 0;
function nextId(): string {
  made += 1;
  return `p${made}`;
}
