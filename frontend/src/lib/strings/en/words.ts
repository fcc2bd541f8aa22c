/** How English makes one thing, several, and a choice of them. */

export const plural = (count: number, one: string, many: string): string =>
  `${count} ${count === 1 ? one : many}`;

export const anyOf = (words: readonly string[]): string =>
  [words.slice(0, -1).join(', '), words.at(-1)].filter(Boolean).join(' or ');

const capital = (words: string): string => words.charAt(0).toUpperCase() + words.slice(1);

/** Makes a sentence of what the server says without capital and stop. */
export const sentence = (words: string): string =>
  words ? `${capital(words).replace(/[.]$/, '')}.` : '';
