// SPDX-License-Identifier: GPL-2.0-only
/** Memory that must stay in this thread. */

/** WebAssembly's memory cannot be transferred, and all of a machine's here is that. */
export const markAsUntransferable = (_buffer: ArrayBufferLike): void => {};
