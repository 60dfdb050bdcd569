/**
 * Answers as JSON: addresses, descriptors and syndromes as "0x…" strings, counts and sizes as
 * numbers.
 */

import { hex } from '#common/address.ts';

/** Keys whose numbers are addresses or register values. A bigint always is one. */
const HEXADECIMAL: ReadonlySet<string> = new Set([
  'start',
  'end',
  'base',
  'pa',
  'paStart',
  'frame',
  'table',
  'root',
  'physical',
  'esr',
  'fsc',
  'unreadable',
]);

/** `value` in two-space indented JSON. */
export function toJson(value: unknown): string {
  return JSON.stringify(
    value,
    (key, member: unknown) => {
      if (typeof member === 'bigint') return hex(member);
      if (!HEXADECIMAL.has(key)) return member;
      if (Array.isArray(member))
        return member.map((item) => (typeof item === 'number' ? hex(item) : (item as unknown)));
      return typeof member === 'number' ? hex(member) : member;
    },
    2,
  );
}
