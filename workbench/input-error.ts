// SPDX-License-Identifier: GPL-2.0-only
/**
 * Something that the user gave cannot be used: the message names it and the fix. The command line
 * ends with status 2.
 */
export class InputError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'InputError';
  }
}
