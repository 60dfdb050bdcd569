/**
 * Numbers as the boot log prints them. Sizes are exact: the largest binary unit that divides them.
 */

const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/**
 * `bytes` in the largest binary unit that leaves no remainder: "6 GiB", "204 KiB", "50331 bytes".
 */
export function size(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && value % 1024 === 0 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value} ${UNITS[unit]}`;
}

/**
 * A physical address, 10 digits: 40 bits, the widest of the boards. Wider ones take what they need.
 */
export function phys(address: number): string {
  return `0x${address.toString(16).padStart(10, '0')}`;
}

/** [start, end) as the log shows ranges. */
export function span(start: number, end: number): string {
  return `${phys(start)}..${phys(end)}`;
}

/** "1 table", "3 tables". */
export function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}
