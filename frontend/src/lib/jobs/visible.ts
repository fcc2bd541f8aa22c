import type { Attachment } from 'svelte/attachments';

/** A little beyond the window, so that what is scrolled to is there. */
const MARGIN = '120px 0px';

const watched = new WeakMap<Element, (visible: boolean) => void>();
let observer: IntersectionObserver | null = null;

/** Tells when an element comes into sight and when it leaves; one observer serves all of them. */
export function whenVisible(tell: (visible: boolean) => void): Attachment {
  return (element) => {
    observer ??= new IntersectionObserver(report, { rootMargin: MARGIN });
    const { unobserve } = observer;
    watched.set(element, tell);
    observer.observe(element);
    return () => {
      unobserve.call(observer, element);
      watched.delete(element);
    };
  };
}

function report(entries: IntersectionObserverEntry[]): void {
  for (const entry of entries) watched.get(entry.target)?.(entry.isIntersecting);
}
