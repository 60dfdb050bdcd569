// SPDX-License-Identifier: GPL-2.0-only
/** A report's figures about the program that ran the machine. */

/** Most memory that it has had, bytes, and its version of Node. */
export const processFacts = (): { readonly maxRssBytes: number; readonly node: string } => ({
  maxRssBytes: process.resourceUsage().maxRSS * 1024,
  node: process.version,
});
