/** The device tree library of the HAL: the names that the rest of the kernel, the boards and the scripts use. */

export { addressCells, type AddressRange, cpuReg, readPairs, reg, sizeCells, translateAddress } from './addresses.ts';
export { type Chosen, chosen, type InitrdRange } from './chosen.ts';
export { type Cpu, cpus, type Psci, psci, type PsciFunction } from './cpus.ts';
export type { DeviceNode } from './device-node.ts';
export { FDT_ERRORS, FdtError, type FdtErrorName } from './errors.ts';
export { Fdt } from './fdt.ts';
export { type FdtHeader, readHeader } from './header.ts';
export { type MemoryRange, memoryRanges, memoryReservations } from './memory.ts';
export type { DeviceProperty } from './property.ts';
export {
  type DynamicRegion,
  type RejectedRegion,
  type ReservedMemory,
  reservedMemory,
  type StaticRegion,
} from './reserved-memory.ts';
export type { Reservation } from './structure.ts';
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
export { writeFdt, type WriteOptions } from './writer.ts';
