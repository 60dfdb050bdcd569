// SPDX-License-Identifier: GPL-2.0-only
/** Waits until all other pending work has had a turn. */

const { port1, port2 } = new MessageChannel();
const waiting: (() => void)[] = [];
port1.addEventListener('message', () => waiting.shift()?.());
port1.start();

/** Uses a message to itself: a repeated timer of 0 ms waits for 4 ms. */
export const nextTurn = (then: () => void): void => {
  waiting.push(then);
  port2.postMessage(null, []);
};
