// SPDX-License-Identifier: GPL-2.0-only
/**
 * Error of this folder: an impossible board, or an impossible option of a board. Bad configuration,
 * never a fault of the guest.
 */

/**
 * Thrown for a board that does not exist, an option outside its range, or board data that
 * contradicts itself. The message names the value and the permitted ones, and can be shown
 * unchanged.
 */
export class BoardError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'BoardError';
  }
}
