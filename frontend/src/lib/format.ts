/** Numbers as people read them. */

const WHOLE = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const SHORT = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });
const MONEY = new Intl.NumberFormat('en', { style: 'currency', currency: 'USD' });
const WHEN = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short' });
const AGO = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });

export const formatCount = (count: number): string => WHOLE.format(count);
export const formatNumber = (value: number): string => SHORT.format(value);
export const formatPercent = (fraction: number): string =>
  `${Math.floor(fraction * 100 + 1e-6)}\u00a0%`;
export const formatWhen = (iso: string): string => WHEN.format(new Date(iso));

/** 48 316 faces as "48k": enough to compare. */
export function formatThousands(count: number): string {
  if (count < 1_000) return WHOLE.format(count);
  if (count < 1_000_000)
    return `${SHORT.format(count < 10_000 ? count / 1e3 : Math.round(count / 1e3))}k`;
  return `${SHORT.format(count / 1e6)}M`;
}

/** An amount as it is, nothing included: "$0.00". */
export const formatDollars = (usd: number): string => MONEY.format(usd);

export function formatUsd(usd: number): string {
  if (usd === 0) return 'Free';
  return usd < 0.01 ? `$${usd.toFixed(4)}` : MONEY.format(usd);
}

export function formatBytes(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${WHOLE.format(bytes / 1e3)} KB`;
  if (bytes < 1_000_000_000) return `${SHORT.format(bytes / 1e6)} MB`;
  return `${SHORT.format(bytes / 1e9)} GB`;
}

/** How long something takes as a rule: "about 25 s", "under a second". */
export function formatRoughly(seconds: number): string {
  return seconds < 1 ? 'under a second' : `about ${formatSpan(seconds)}`;
}

/** A span such as "45 s", "3 min 20 s", "1 h 5 min", "7 days"; a line ends between two of them. */
export function formatSpan(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return seconds > 0 && seconds < 1 ? '<\u00a01\u00a0s' : `${whole}\u00a0s`;
  if (whole < 3_600) return joined(whole, 60, 'min', 's');
  if (whole >= 172_800) return `${Math.round(whole / 86_400)}\u00a0days`;
  return joined(Math.floor(whole / 60), 60, 'h', 'min');
}

/** Writes *count* as so many of the larger unit and, unless it is nothing, the rest. */
function joined(count: number, each: number, large: string, small: string): string {
  const rest = count % each ? ` ${count % each}\u00a0${small}` : '';
  return `${Math.floor(count / each)}\u00a0${large}${rest}`;
}

/** "3 minutes ago", for a time before *nowMs*. */
export function formatAgo(iso: string, nowMs: number): string {
  const seconds = (Date.parse(iso) - nowMs) / 1_000;
  const steps: [Intl.RelativeTimeFormatUnit, number][] = [
    ['day', 86_400],
    ['hour', 3_600],
    ['minute', 60],
  ];
  for (const [unit, length] of steps) {
    if (Math.abs(seconds) >= length) return AGO.format(Math.round(seconds / length), unit);
  }
  return 'just now';
}

/** Width, height and depth such as "148 × 100 × 47 mm", in metres from one metre on. */
export function formatSize(mm: readonly [number, number, number]): string {
  if (Math.max(...mm) >= 1_000) {
    return `${mm.map((side) => (side / 1_000).toFixed(2)).join(' × ')} m`;
  }
  const digits = Math.max(...mm) < 10 ? 1 : 0;
  return `${mm.map((side) => side.toFixed(digits)).join(' × ')} mm`;
}
