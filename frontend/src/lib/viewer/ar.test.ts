import { describe, expect, it } from 'vitest';
import type { ResultFile } from '../api/types';
import { arLink } from './ar';

const IPHONE = { quickLook: true, android: false };
const ANDROID = { quickLook: false, android: true };
const DESK = { quickLook: false, android: false };
const NOW_MS = Date.parse('2026-11-21T10:00:00Z');
const mesh = {
  format: 'glb',
  provider_url: 'https://files.example/a b.glb?x=1&y=2',
  expires_at: '2026-11-21T11:00:00Z',
} as ResultFile;
const at = (address: string, file: ResultFile | undefined = mesh) => ({
  usdz: '/api/v1/jobs/j/items/0/model.usdz',
  mesh: file,
  title: 'mug & co',
  page: new URL(address),
});

describe('arLink', () => {
  it('gives Quick Look the USDZ file', () => {
    expect(arLink(IPHONE, at('https://shop.example/jobs/j'), NOW_MS)).toEqual({
      href: '/api/v1/jobs/j/items/0/model.usdz',
      rel: 'ar',
    });
  });

  it('gives Scene Viewer what everybody may read', () => {
    const { href } = arLink(ANDROID, at('https://shop.example/jobs/j'), NOW_MS) ?? { href: '' };
    const [address, intent] = href.split('#Intent;');
    const query = new URLSearchParams(address?.split('?').slice(1).join('?'));
    expect(query.get('file')).toBe(mesh.provider_url);
    expect(query.get('title')).toBe('mug & co');
    expect(intent).toContain('S.browser_fallback_url=https%3A%2F%2Fshop.example%2Fjobs%2Fj;end;');
  });

  it('offers nothing that would fail', () => {
    const page = 'https://shop.example/jobs/j';
    expect(arLink(DESK, at(page), NOW_MS)).toBeNull();
    expect(arLink(IPHONE, at('http://127.0.0.1:8000/jobs/j'), NOW_MS)).toBeNull();
    expect(arLink(ANDROID, at(page, { ...mesh, provider_url: null }), NOW_MS)).toBeNull();
    expect(arLink(ANDROID, at(page), NOW_MS + 3_600_000)).toBeNull();
    expect(arLink(ANDROID, at(page, { ...mesh, format: 'fbx' }), NOW_MS)).toBeNull();
  });
});
