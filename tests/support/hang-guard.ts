// SPDX-License-Identifier: GPL-2.0-only
/** The only limit of real time that tests have. Not a test. */

/**
 * Milliseconds after which a test, a hook or a child process is taken to hang. Nothing that works
 * comes near it, also on a host that does ten other things: what a test finds must not depend on
 * how busy its host is.
 */
export const HANG_GUARD_MS = 30 * 60_000;
