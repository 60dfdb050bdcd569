// SPDX-License-Identifier: GPL-2.0-only
/** The error of unpacking, the same in Node and in a browser. */

export class CompressionError extends Error {
  /** "too large": more than permitted; "damaged": not such data, or their end is missing. */
  readonly kind: 'too large' | 'damaged';

  constructor(kind: CompressionError['kind'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CompressionError';
    this.kind = kind;
  }
}
