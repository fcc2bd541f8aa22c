/** Finds the addresses of pictures in what people type, paste and drop. */

/**
 * Lists the web addresses in *text*, one for each word that is one.
 *
 * @returns Nothing where any word is none: then it is a text that happens to have addresses.
 */
export function addressesIn(text: string): string[] {
  const words = text.split(/\s+/).filter(Boolean);
  const found = words.flatMap((word) => addressOf(word) ?? []);
  return found.length === words.length ? found : [];
}

/** Reads what somebody typed as an address, with or without its beginning; null: it is none. */
export function addressOf(typed: string): string | null {
  const text = typed.trim();
  const whole = /^[\w-]+(\.[\w-]+)+([/:?#]|$)/.test(text) ? `https://${text}` : text;
  if (!URL.canParse(whole)) return null;
  const { protocol, hostname, href } = new URL(whole);
  return /^https?:$/.test(protocol) && hostname ? href : null;
}
