// SPDX-License-Identifier: GPL-2.0-only
/** Memory that must stay in this thread. */

export { markAsUntransferable } from 'node:worker_threads';
