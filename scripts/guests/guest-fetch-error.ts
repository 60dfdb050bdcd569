// SPDX-License-Identifier: GPL-2.0-only
/** The error of a guest that cannot be fetched: the cause, and what a person can do. */

import { DebianPackageError, type DebianPackageFailure } from '#workbench/engine-library/private-apt.ts';

const FIXES: Readonly<Record<DebianPackageFailure, string>> = {
  'no-apt': 'Run `npm run guest-images` in a Debian container and copy the cache’s folder guests/ here.',
  'not-debian': 'Run `npm run guest-images` in a Debian container and copy the cache’s folder guests/ here.',
  'no-mke2fs': 'Install e2fsprogs, or copy the folder guests/ of another machine’s cache here.',
  'no-such-package': 'The suite has moved on: look for the package’s new name, and report it.',
  network:
    'Connect to the network and run `npm run guest-images`, or copy the folder guests/ of another machine’s cache here.',
  'broken-package': 'Remove the guest’s folder from the cache and run `npm run guest-images` again.',
};

/**
 * A guest cannot be fetched. `reason` as of {@link DebianPackageError}; the message says it and the
 * fix.
 */
export class GuestFetchError extends DebianPackageError {
  readonly guest: string;

  constructor(guest: string, cause: DebianPackageError) {
    super(
      cause.reason,
      `the guest ${guest} is not in the cache and cannot be fetched: ${cause.message}. ${FIXES[cause.reason]}`,
    );
    this.cause = cause;
    this.name = 'GuestFetchError';
    this.guest = guest;
  }
}
