// SPDX-License-Identifier: GPL-2.0-only
/** Coming back after everybody else had a turn. */

const { port1, port2 } = new MessageChannel();
const waiting: (() => void)[] = [];
port1.addEventListener('message', () => waiting.shift()?.());
port1.start();

/** A message to oneself: a timer of 0 ms waits for 4 ms when it is set again and again. */
export const nextTurn = (then: () => void): void => {
  waiting.push(then);
  port2.postMessage(null, []);
};
