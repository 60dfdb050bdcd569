// SPDX-License-Identifier: GPL-2.0-only
/** Waits until all other pending work has had a turn. */

export const nextTurn = (then: () => void): void => {
  setImmediate(then);
};
