// SPDX-License-Identifier: GPL-2.0-only
/**
 * The one error type of this folder: a board, or an option of a board, that cannot be. Bad
 * configuration, never a fault of the guest.
 */

/**
 * A board that does not exist, an option outside its range, or board data that contradicts itself.
 * The message names the value and what is allowed, so that it can be shown as it is.
 */
export class BoardError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'BoardError';
  }
}
