// SPDX-License-Identifier: GPL-2.0-only
/**
 * Errors in a flattened device tree, by libfdt's names.
 *
 * Not the checks themselves: those are in header.ts, structure.ts and where a property is read.
 *
 * Source of names and numbers: libfdt's public header (libfdt.h, "Error codes"). libfdt returns
 * them negated.
 */

import { hex } from '#common/address.ts';

/** libfdt's errors and their numbers. libfdt returns them negated: FDT_ERR_BADMAGIC is -9. */
export const FDT_ERRORS = {
  /** The node or property does not exist. */
  FDT_ERR_NOTFOUND: 1,
  FDT_ERR_EXISTS: 2,
  /** The result does not fit the space given (here: `writeFdt` with too small a `padTo`). */
  FDT_ERR_NOSPACE: 3,
  /** An offset points to the wrong thing: no root at the start, a name outside the strings. */
  FDT_ERR_BADOFFSET: 4,
  /** A path starts with neither `/` nor an alias. */
  FDT_ERR_BADPATH: 5,
  /** A phandle of 0 or 0xffffffff. */
  FDT_ERR_BADPHANDLE: 6,
  FDT_ERR_BADSTATE: 7,
  /** A block, the header or the blob ends too early. */
  FDT_ERR_TRUNCATED: 8,
  /** The blob does not start with 0xd00dfeed. */
  FDT_ERR_BADMAGIC: 9,
  /** A version that this reader does not support. */
  FDT_ERR_BADVERSION: 10,
  /** The structure block is not a well-formed tree. */
  FDT_ERR_BADSTRUCTURE: 11,
  FDT_ERR_BADLAYOUT: 12,
  FDT_ERR_INTERNAL: 13,
  /** `#address-cells` or `#size-cells` has a wrong length or an impossible value. */
  FDT_ERR_BADNCELLS: 14,
  /** The bytes of a property do not have the required form. */
  FDT_ERR_BADVALUE: 15,
  FDT_ERR_BADOVERLAY: 16,
  FDT_ERR_NOPHANDLES: 17,
  FDT_ERR_BADFLAGS: 18,
  /** The reservation or the structure block starts at a misaligned offset. */
  FDT_ERR_ALIGNMENT: 19,
} as const;

/** A libfdt error by name. */
export type FdtErrorName = keyof typeof FDT_ERRORS;

/** A device tree that cannot be read, or a lookup that libfdt would answer with an error. */
export class FdtError extends Error {
  readonly code: FdtErrorName;
  /** Offset of the error from the start of the blob, in bytes. */
  readonly offset: number;

  /**
   * @param code which libfdt error
   * @param offset bytes from the start of the blob
   * @param sentence what is wrong there, with the numbers at hand
   */
  constructor(code: FdtErrorName, offset: number, sentence: string) {
    super(`${code} at offset ${hex(offset)}: ${sentence}`);
    this.name = 'FdtError';
    this.code = code;
    this.offset = offset;
  }
}
