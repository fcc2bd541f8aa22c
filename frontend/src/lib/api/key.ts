/**
 * Makes a key by which the server knows an order that comes twice.
 *
 * `crypto.randomUUID` exists on https and localhost only; a server in the home has neither.
 */
export function makeKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
