// SPDX-License-Identifier: GPL-2.0-only
/** A report's figures about the program that ran the machine. */

/** A browser tells no page how much memory it has. */
export const processFacts = (): { readonly maxRssBytes: number; readonly node: string } => ({
  maxRssBytes: 0,
  node: 'none, in a browser',
});
