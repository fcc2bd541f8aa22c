import { resolve } from '$app/paths';

/** The path below which the app is served, without a slash at its end; "": none. */
const BASE = resolve('/').replace(/\/$/, '');

/**
 * Finds an address of this server, which may be served below a path of another site.
 *
 * @param path From the server's own root, as the API names addresses.
 */
export function address(path: string): string {
  return BASE + path;
}

/** Tells which page is open, from the server's own root as `address` takes it. */
export function openPage(): string {
  return location.pathname.slice(BASE.length) + location.search;
}
