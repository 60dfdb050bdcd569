import { hex } from '#common/address.ts';

/**
 * A register's value for an event: counts, pids, codes and statuses as numbers, anything larger as
 * the address that it probably is, in hexadecimal.
 */
export function eventNumber(value: bigint): number | string {
  return value >= -(2n ** 31n) && value < 2n ** 31n ? Number(value) : hex(BigInt.asUintN(64, value));
}
