// SPDX-License-Identifier: GPL-2.0-only
/** A page of scripts/build.mjs, with its data inside as JSON. */

const DATA_MARK = '"levitate-page-data"';

/** `page` with `data` inside: works from disk, asks the network for nothing. */
export function withData(page: string, data: unknown): string {
  // Inside a script element only "<" can end it; JSON may write it as an escape.
  const json = JSON.stringify(data).replaceAll('<', '\\u003c');
  return page.replace(DATA_MARK, () => json);
}
