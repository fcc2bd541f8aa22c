import type { Surface } from './model-stage';

export type PhotoMode = 'off' | 'beside' | 'over';

/** How the viewer shows models; kept while going from one to the next. */
export class ViewerState {
  surface = $state<Surface>('texture');
  wireframe = $state(false);
  grid = $state(false);
  turning = $state(false);
  /** 1.0 is as usual. */
  light = $state(1);
  photo = $state<PhotoMode>('off');
  /** How much of the photo covers the model, in percent of the width. */
  cover = $state(50);
  fullScreen = $state(false);

  nextPhoto(): void {
    const modes: readonly PhotoMode[] = ['off', 'beside', 'over'];
    this.photo = modes[(modes.indexOf(this.photo) + 1) % modes.length] ?? 'off';
  }
}

/** What a key does in the viewer; null: nothing. */
export type Deed =
  | 'previous'
  | 'next'
  | 'left'
  | 'right'
  | 'up'
  | 'down'
  | 'nearer'
  | 'farther'
  | 'reset'
  | 'turn'
  | 'texture'
  | 'clay'
  | 'normals'
  | 'wireframe'
  | 'grid'
  | 'photo'
  | 'fullScreen'
  | 'keys'
  | 'facts';

const KEYS: Readonly<Record<string, Deed>> = {
  ArrowLeft: 'previous',
  ArrowRight: 'next',
  '+': 'nearer',
  '=': 'nearer',
  '-': 'farther',
  '0': 'reset',
  ' ': 'turn',
  '1': 'texture',
  '2': 'clay',
  '3': 'normals',
  w: 'wireframe',
  g: 'grid',
  p: 'photo',
  f: 'fullScreen',
  i: 'facts',
  '?': 'keys',
};
const SHIFTED: Readonly<Record<string, Deed>> = {
  ArrowLeft: 'left',
  ArrowRight: 'right',
  ArrowUp: 'up',
  ArrowDown: 'down',
};

/** Reads a key press, leaving alone what a control under the focus needs itself. */
export function deedOf(event: KeyboardEvent): Deed | null {
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  const target = event.target instanceof HTMLElement ? event.target : null;
  const isControl = target?.closest('input, select') !== null;
  const isButton = target?.closest('button, a') !== null;
  if (isControl || (isButton && event.key === ' ')) return null;
  const found = event.shiftKey ? (SHIFTED[event.key] ?? KEYS[event.key]) : KEYS[event.key];
  return found ?? KEYS[event.key.toLowerCase()] ?? null;
}
