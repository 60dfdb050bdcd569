// SPDX-License-Identifier: GPL-2.0-only
/**
 * Descriptions of exceptions, and panics for unexpected ones: each names the class, the syndrome
 * and the addresses, followed by the walk of the fault address and the registers.
 *
 *     vector n: 0-3 current EL with SP_EL0, 4-7 current EL with SP_ELx, 8-11 lower EL AArch64, 12-15 lower EL AArch32
 *               in each group: synchronous, IRQ, FIQ, SError
 *
 * Specification: Arm ARM DDI 0487 K.a, D1.3.1.5 (vectors), D24.2.40 (ESR_EL1).
 */

import { hex, virtAddr } from '#common/address.ts';
import { includes } from '#common/range.ts';
import { type Fdt, memoryRanges } from '#fdt/index.ts';
import { type Access, formatTranslation } from '#kernel-ts/hal/mmu/walk.ts';
import type { Ports } from '#kernel-ts/hal/ports.ts';
import type { KernelImage } from './image.ts';
import { DIRECT_MAP_BASE, physToVirt } from './direct-map.ts';
import type { MemorySystem } from './mm/memory.ts';
import { KernelPanic } from './panic.ts';
import type { TrapFrame } from './trap-frame.ts';

/** Vectors that the kernel handles. */
export const VECTOR = { irqEl1: 5, synchronousEl0: 8, irqEl0: 9, serrorEl0: 11 } as const;

const VECTOR_KINDS = ['synchronous exception', 'IRQ', 'FIQ', 'SError'] as const;
const VECTOR_SOURCES = ['EL1 with SP_EL0', 'EL1', 'EL0', 'EL0 (AArch32)'] as const;

const CLASSES: Readonly<Record<number, string>> = {
  0x00: 'unknown reason (undefined instruction)',
  0x01: 'trapped WFI or WFE',
  0x07: 'trapped FP or SIMD access',
  0x0e: 'illegal execution state',
  0x15: 'SVC',
  0x18: 'trapped system register access',
  0x20: 'instruction abort from EL0',
  0x21: 'instruction abort',
  0x22: 'PC alignment fault',
  0x24: 'data abort from EL0',
  0x25: 'data abort',
  0x26: 'SP alignment fault',
  0x2f: 'SError',
  0x30: 'breakpoint from EL0',
  0x31: 'breakpoint',
  0x3c: 'BRK instruction',
};

const SVC = 0x15;
const INSTRUCTION_ABORTS: readonly number[] = [0x20, 0x21];
const DATA_ABORTS: readonly number[] = [0x24, 0x25];

const EXTERNAL_ABORT = 0x10;

const STATUS_KINDS = ['address size fault', 'translation fault', 'access flag fault', 'permission fault'] as const;

/** Describes DFSC or IFSC: "translation fault, level 2". */
export function describeFaultStatus(status: number): string {
  if (status < 16) return `${STATUS_KINDS[status >>> 2] as string}, level ${status & 3}`;
  if (status === 0x10) return 'synchronous external abort';
  if (status >= 0x14 && status < 0x18) return `synchronous external abort on a table walk, level ${status & 3}`;
  if (status === 0x21) return 'alignment fault';
  return `fault status ${hex(status)}`;
}

/** Describes ESR_EL1: "data abort on a write: permission fault, level 3". */
export function describeSyndrome(esr: number): string {
  const exceptionClass = esr >>> 26;
  const name = CLASSES[exceptionClass] ?? `exception class ${hex(exceptionClass)}`;
  const status = describeFaultStatus(esr & 0x3f);
  if (DATA_ABORTS.includes(exceptionClass)) {
    return `${name} on a ${(esr & (1 << 6)) === 0 ? 'read' : 'write'}: ${status}`;
  }
  if (INSTRUCTION_ABORTS.includes(exceptionClass)) return `${name}: ${status}`;
  if (exceptionClass === 0x3c) return `${name}, immediate ${esr & 0xffff}`;
  return name;
}

/** True for the syndrome of an SVC from AArch64. */
export function isSystemCall(esr: number): boolean {
  return esr >>> 26 === SVC;
}

/** True for the syndrome of an instruction or data abort: FAR holds the address. */
export function isAbort(esr: number): boolean {
  const exceptionClass = esr >>> 26;
  return DATA_ABORTS.includes(exceptionClass) || INSTRUCTION_ABORTS.includes(exceptionClass);
}

/**
 * Describes the fields: "EC 0x25, IL 1, ISS 0x0000045 (FnV 0, CM 0, S1PTW 0, WnR 1, DFSC 0x05)".
 */
export function describeSyndromeFields(esr: number): string {
  const exceptionClass = esr >>> 26;
  const bit = (n: number): number => (esr >>> n) & 1;
  const fields = `EC ${hex(exceptionClass, 2)}, IL ${bit(25)}, ISS ${hex(esr & 0x1ff_ffff, 7)}`;
  const status = hex(esr & 0x3f, 2);
  if (DATA_ABORTS.includes(exceptionClass)) {
    return `${fields} (FnV ${bit(10)}, CM ${bit(8)}, S1PTW ${bit(7)}, WnR ${bit(6)}, DFSC ${status})`;
  }
  if (INSTRUCTION_ABORTS.includes(exceptionClass)) return `${fields} (FnV ${bit(10)}, S1PTW ${bit(7)}, IFSC ${status})`;
  return fields;
}

/** Formats x0 to x30, four in a line. */
export function registerLines(frame: TrapFrame): string[] {
  const lines: string[] = [];
  for (let first = 0; first < 31; first += 4) {
    const numbers = Array.from({ length: Math.min(4, 31 - first) }, (_, i) => first + i);
    lines.push(numbers.map((n) => `${`x${n}`.padEnd(3)} ${hex(frame.x(n), 16)}`).join('  '));
  }
  return lines;
}

/** Parts of the kernel that the panic uses. */
interface FaultingKernel {
  readonly ports: Ports;
  readonly image: KernelImage;
  readonly memory: MemorySystem | null;
  readonly tree: Fdt | null;
}

/** A sentence when direct-map address `va` is RAM of the device tree; else null. */
function ramOfTree(tree: Fdt | null, va: bigint): string | null {
  if (tree === null || va < DIRECT_MAP_BASE) return null;
  const pa = va - DIRECT_MAP_BASE;
  const range = memoryRanges(tree).find((ram) => includes(ram, pa));
  if (range === undefined) return null;
  return `nothing answers at ${hex(pa)}, which is RAM by ${range.path} (${hex(range.start)}..${hex(range.end)})`;
}

/** Access that an abort made, for a walk. */
function accessOf(esr: number): Access {
  if (INSTRUCTION_ABORTS.includes(esr >>> 26)) return { kind: 'execute', el: 1 };
  return { kind: (esr & (1 << 6)) === 0 ? 'read' : 'write', el: 1 };
}

/**
 * Panic for vector `index`: the syndrome registers as the CPU left them, the rest from the frame.
 * @param brief true to leave out data in memory, because reading it has faulted before
 * @throws what a port throws when a page table, or the frame, cannot be read
 */
export function unexpectedException(
  index: number,
  frame: TrapFrame,
  { ports: { registers }, image, memory, tree }: FaultingKernel,
  brief: boolean,
): KernelPanic {
  const kind = VECTOR_KINDS[index & 3] as string;
  const source = VECTOR_SOURCES[index >>> 2] as string;
  const synchronous = (index & 3) === 0;
  const esr = Number(registers.read('ESR_EL1'));
  const far = registers.read('FAR_EL1');
  const elr = registers.read('ELR_EL1');
  const what = synchronous ? describeSyndrome(esr) : kind;
  const aborted = synchronous && isAbort(esr);
  const promised = aborted && (esr & 0x3f) === EXTERNAL_ABORT ? ramOfTree(tree, far) : null;
  if (promised !== null) {
    return new KernelPanic(
      'RAM that the device tree names does not answer',
      `${promised}; ${what}, ESR_EL1 ${hex(esr, 8)}, FAR_EL1 ${hex(far, 16)}, ELR_EL1 ${hex(elr, 16)}`,
      brief ? [] : stateLines(frame),
    );
  }
  const guard = image.guard;
  const inGuard = far >= physToVirt(guard.start) && far < physToVirt(guard.end);
  return new KernelPanic(
    aborted && inGuard ? 'Kernel stack overflow' : `Unexpected ${kind} from ${source}`,
    `${what}; ESR_EL1 ${hex(esr, 8)}, FAR_EL1 ${hex(far, 16)}, ELR_EL1 ${hex(elr, 16)}, SPSR_EL1 ${hex(registers.read('SPSR_EL1'))}`,
    brief
      ? []
      : [...(synchronous ? [`ESR_EL1: ${describeSyndromeFields(esr)}`] : []), ...walkLines(), ...stateLines(frame)],
  );

  function walkLines(): string[] {
    if (!aborted || memory === null) return [];
    const walk = memory.mmu.translate(virtAddr(far), accessOf(esr));
    return [`walk of ${hex(far, 16)}:`, ...formatTranslation(walk).map((line) => `  ${line}`)];
  }
}

function stateLines(frame: TrapFrame): string[] {
  return [
    `SP_EL1 ${hex(frame.kernelSp, 16)}  SP_EL0 ${hex(frame.sp, 16)}  frame ${hex(frame.address, 16)}`,
    ...registerLines(frame),
  ];
}
