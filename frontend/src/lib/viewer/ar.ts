/** Models in the room: Quick Look on iPhones and iPads, Scene Viewer on Android. */
import type { ResultFile } from '../api/types';

/** What the browser can do; read from it by `readDevice`. */
export interface Device {
  /** Whether it opens USDZ files in the room by itself (WebKit: rel="ar"). */
  quickLook: boolean;
  android: boolean;
}

/** A way to see a model in the room. */
export interface ArLink {
  href: string;
  rel?: 'ar';
}

export function readDevice(): Device {
  const { relList } = document.createElement('a');
  return {
    quickLook: relList.supports('ar'),
    android: /android/i.test(navigator.userAgent),
  };
}

/**
 * Finds a way to see a model in the room; null: there is none on this device.
 *
 * @param usdz Where our server has it as USDZ; Quick Look asks with the page's own session.
 * @param mesh The model's file. Scene Viewer is another program, without our session: it can read
 * only what its provider offers to everybody.
 * @param page Where to go on where there is no Scene Viewer.
 */
export function arLink(
  device: Device,
  {
    usdz,
    mesh,
    title,
    page,
  }: { usdz: string; mesh: ResultFile | undefined; title: string; page: URL },
  nowMs: number,
): ArLink | null {
  if (page.protocol !== 'https:') return null;
  if (device.quickLook) return { href: usdz, rel: 'ar' };
  const open = mesh?.provider_url;
  const ended = mesh?.expires_at ? Date.parse(mesh.expires_at) <= nowMs : false;
  if (!device.android || mesh?.format !== 'glb' || !open?.startsWith('https:') || ended)
    return null;
  return { href: sceneViewer(open, title, page) };
}

/** https://developers.google.com/ar/develop/scene-viewer */
function sceneViewer(model: string, title: string, page: URL): string {
  const query = new URLSearchParams({ file: model, mode: 'ar_preferred', title });
  const parts = [
    'scheme=https',
    'package=com.google.android.googlequicksearchbox',
    'action=android.intent.action.VIEW',
    `S.browser_fallback_url=${encodeURIComponent(page.href)}`,
  ];
  return `intent://arvr.google.com/scene-viewer/1.2?${query}#Intent;${parts.join(';')};end;`;
}
