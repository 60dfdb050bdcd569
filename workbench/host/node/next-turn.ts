// SPDX-License-Identifier: GPL-2.0-only
/** Coming back after everybody else had a turn. */

export const nextTurn = (then: () => void): void => {
  setImmediate(then);
};
