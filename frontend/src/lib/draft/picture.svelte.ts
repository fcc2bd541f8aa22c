import type { ViewName } from '../api/types';
import { type Hint, LOOK_PX, findHints } from './hints';

/** Why a picture cannot be sent; the server would refuse it, too. */
export type Refusal = 'type' | 'large' | 'empty' | 'unreadable';

export type Sending =
  | { state: 'waiting' }
  | { state: 'sending'; fraction: number }
  | { state: 'sent' }
  | { state: 'failed'; message: string; passing: boolean };

export const LIMITS = { items: 25, pictureBytes: 25_000_000 } as const;

const TYPES = new Set(['image/png', 'image/jpeg', 'image/webp', 'image/avif', 'image/heic']);
const EXTENSIONS = /\.(png|jpe?g|webp|avif|heic|heif)$/i;

/** One file that a person gave. */
export class DraftPicture {
  readonly id = nextId();
  readonly file: File;
  readonly url: string;
  view = $state<ViewName>('front');
  refusal = $state<Refusal | null>(null);
  hints = $state.raw<Hint[]>([]);
  size = $state.raw<{ widthPx: number; heightPx: number } | null>(null);
  sending = $state.raw<Sending>({ state: 'waiting' });

  constructor(file: File) {
    this.file = file;
    this.url = URL.createObjectURL(file);
    this.refusal = refuse(file);
  }

  /** Decodes the picture small, to know its size and what may spoil the model. */
  async look(): Promise<void> {
    if (this.refusal) return;
    let full: ImageBitmap;
    try {
      full = await createImageBitmap(this.file);
    } catch {
      // HEIC is read by the server though hardly any browser shows it.
      if (!/hei[cf]/i.test(this.file.type + this.file.name)) this.refusal = 'unreadable';
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
  }

  forget(): void {
    URL.revokeObjectURL(this.url);
  }
}

let made = 0;
function nextId(): string {
  made += 1;
  return `p${made}`;
}

function refuse(file: File): Refusal | null {
  if (file.size === 0) return 'empty';
  if (!TYPES.has(file.type) && !EXTENSIONS.test(file.name)) return 'type';
  return file.size > LIMITS.pictureBytes ? 'large' : null;
}
