/** Options of a run, as the header of its log has them, in words. */

import { showBytes } from '#common/quantities.ts';
import { showValue } from './show-event.ts';

/** A file is in the header by size and hash. */
interface FileValue {
  readonly bytes: number;
  readonly sha256: string;
}

/**
 * "2 GiB" for memoryBytes, "a file of 377 bytes (sha256 3275b7c1fc688df2…)" for a file, "not given"
 * for what is absent.
 */
export function showOption(name: string, value: unknown): string {
  if (value === undefined || value === null) return 'not given';
  if (typeof value === 'number' && name.endsWith('Bytes')) return showBytes(value);
  if (isFile(value)) return `a file of ${showBytes(value.bytes)} (sha256 ${value.sha256}…)`;
  return showValue(value);
}

function isFile(value: unknown): value is FileValue {
  if (typeof value !== 'object' || value === null) return false;
  const { bytes, sha256 } = value as Partial<FileValue>;
  return typeof bytes === 'number' && typeof sha256 === 'string' && /^[0-9a-f]+$/.test(sha256);
}
