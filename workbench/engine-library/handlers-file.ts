// SPDX-License-Identifier: GPL-2.0-only
/** What scripts/build.mjs puts in place of this file names the handlers that it has generated. */

/** Name of a file in dist/; null when the sources themselves run. */
export const HANDLERS_FILE: string | null = null;
