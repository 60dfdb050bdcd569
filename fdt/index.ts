// SPDX-License-Identifier: GPL-2.0-only
/**
 * Index of the device tree library: the names that the kernel, the boards, the workbench and the
 * scripts use.
 */

export { cpuReg } from './addresses.ts';
export { chosen } from './chosen.ts';
export { cpus, psci } from './cpus.ts';
export type { DeviceNode } from './device-node.ts';
export { FDT_ERRORS, FdtError } from './errors.ts';
export { Fdt } from './fdt.ts';
export { ignoredMemory, memoryRanges, memoryReservations } from './memory.ts';
export { reservedMemory, type StaticRegion } from './reserved-memory.ts';
export {
  cells,
  type FdtNode,
  type FdtProperty,
  type FdtTree,
  readTree,
  stringListValue,
  stringValue,
  u64Cells,
} from './tree.ts';
export { writeFdt } from './writer.ts';
