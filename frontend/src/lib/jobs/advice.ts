/** Items that come out the same however often they are made: what to do instead of that. */
import type { Generator, Item } from '../api/types';

/** What has to change before it can work. */
export type Advice = 'picture' | 'subject' | 'views' | 'options' | 'generator' | 'refused';

const BY_CODE: Readonly<Record<string, Advice>> = {
  not_a_picture: 'picture',
  picture_type_unsupported: 'picture',
  picture_damaged: 'picture',
  picture_too_small: 'picture',
  picture_too_many_pixels: 'picture',
  picture_empty: 'picture',
  picture_not_fetched: 'picture',
  upload_too_large: 'picture',
  no_pictures: 'picture',
  subject_not_found: 'subject',
  invalid_views: 'views',
  invalid_options: 'options',
  invalid_request: 'options',
  format_unsupported: 'options',
  generator_not_found: 'generator',
  generator_retired: 'generator',
  provider_rejected: 'refused',
};

/** What a provider calls failures that were not about the picture: they may not come again. */
const PASSING_KINDS = /^(time_limit|not_found|client_\w+|file_download_error|\w*timeout\w*)$/;

/**
 * Tells what to do about an item that ended without a model; null: making it again may help.
 *
 * @param generator Its job's; null: it is not known whether there still is one; undefined: it is
 *   gone.
 */
export function adviceFor(item: Item, generator: Generator | null | undefined): Advice | null {
  // A picture that was refused is not kept, so there is nothing to make it of.
  if (item.views.length === 0) return 'picture';
  // It is paid for, and fetching it again is free.
  if (item.attempts.at(-1)?.state === 'accepted') return null;
  const byCode = item.state === 'failed' ? BY_CODE[item.error?.code ?? ''] : undefined;
  const kind = item.error?.details?.['kind'];
  const passing = byCode === 'refused' && typeof kind === 'string' && PASSING_KINDS.test(kind);
  if (byCode && !passing) return byCode;
  return generator === undefined || generator?.missing ? 'generator' : null;
}

/** Lists the items of a state that can be made again. */
export function repeatable(
  items: readonly Item[],
  state: 'failed' | 'cancelled',
  generator: Generator | null | undefined,
): Item[] {
  return items.filter((item) => item.state === state && adviceFor(item, generator) === null);
}
