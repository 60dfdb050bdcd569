// SPDX-License-Identifier: GPL-2.0-only
/** Memory that must stay in this thread. */

/** All of a machine's memory here is WebAssembly memory, which cannot be transferred. */
export const markAsUntransferable = (_buffer: ArrayBufferLike): void => {};
