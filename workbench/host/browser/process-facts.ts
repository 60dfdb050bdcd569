// SPDX-License-Identifier: GPL-2.0-only
/** A report's figures about the program that ran the machine. */

/** A browser does not tell a page how much memory it uses. */
export const processFacts = (): { readonly maxRssBytes: number; readonly node: string } => ({
  maxRssBytes: 0,
  node: 'none, in a browser',
});
