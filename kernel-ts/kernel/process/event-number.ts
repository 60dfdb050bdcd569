/**
 * A register's value for an event: counts, pids, codes and statuses as numbers, anything larger as
 * the address that it probably is. A log shows numbers in decimal and `bigint` in hexadecimal.
 */
export function eventNumber(value: bigint): number | bigint {
  return value >= -(2n ** 31n) && value < 2n ** 31n ? Number(value) : BigInt.asUintN(64, value);
}
