import { afterEach, expect, test, vi } from 'vitest';

const base = vi.hoisted(() => ({ path: '/' }));
vi.mock('$app/paths', () => ({ resolve: () => base.path }));

afterEach(() => {
  vi.resetModules();
  vi.unstubAllGlobals();
});

test.each([
  { at: '/', pathname: '/history', page: '/history?q=mug' },
  { at: '/3d/', pathname: '/3d/history', page: '/history?q=mug' },
])('a page is named from the root of a server at $at', async ({ at, pathname, page }) => {
  base.path = at;
  vi.stubGlobal('location', { pathname, search: '?q=mug' });
  const { address, openPage } = await import('./paths');
  expect(openPage()).toBe(page);
  expect(address(openPage())).toBe(`${pathname}?q=mug`);
});
