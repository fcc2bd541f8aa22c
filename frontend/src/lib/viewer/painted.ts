/**
 * Resolves when what was drawn before is on the screen.
 *
 * The first frame waits for its shaders: moments with a graphics card, seconds without.
 */
export function painted(): Promise<void> {
  return new Promise((resolve) => {
    // The second frame begins when the first has left for the screen.
    requestAnimationFrame(() => requestAnimationFrame(() => resolve()));
  });
}
