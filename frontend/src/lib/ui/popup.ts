/** Puts a native popover beside the button that opens it, inside the window. */
export function beside(button: HTMLElement, popup: HTMLElement): void {
  const at = button.getBoundingClientRect();
  const gapPx = 6;
  const below = at.bottom + gapPx + popup.offsetHeight < window.innerHeight;
  const top = below ? at.bottom + gapPx : at.top - gapPx - popup.offsetHeight;
  const left = Math.min(at.left, document.documentElement.clientWidth - popup.offsetWidth - 8);
  popup.style.left = `${Math.max(8, left)}px`;
  popup.style.top = `${Math.max(8, top)}px`;
}
