/** The time, for what counts seconds on the page; runs only while something shows it. */
import { createSubscriber } from 'svelte/reactivity';

const subscribe = createSubscriber((update) => {
  const timer = setInterval(update, 1_000);
  return () => clearInterval(timer);
});

/** Milliseconds since 1970; whoever reads it in an effect or a template reads it every second. */
export function nowMs(): number {
  subscribe();
  return Date.now();
}
