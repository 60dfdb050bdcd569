/**
 * Exceptions that the kernel did not expect. None returns: each ends in a panic that names the class, the syndrome and the addresses.
 *
 *     vector n: 0-3 current EL with SP_EL0, 4-7 current EL with SP_ELx, 8-11 lower EL AArch64, 12-15 lower EL AArch32
 *               in each group: synchronous, IRQ, FIQ, SError
 *
 * Specification: Arm ARM DDI 0487 K.a, D1.3.1.5 (vectors), D24.2.40 (ESR_EL1).
 */

import { hex } from '../../emulator/address.ts';
import type { SystemRegisterPort } from '../hal/ports.ts';
import type { KernelImage } from './image.ts';
import { physToVirt } from './mm/direct-map.ts';
import { KernelPanic } from './panic.ts';

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

const INSTRUCTION_ABORTS: readonly number[] = [0x20, 0x21];
const DATA_ABORTS: readonly number[] = [0x24, 0x25];

const STATUS_KINDS = ['address size fault', 'translation fault', 'access flag fault', 'permission fault'] as const;

/** DFSC or IFSC in words: "translation fault, level 2". */
export function describeFaultStatus(status: number): string {
  if (status < 16) return `${STATUS_KINDS[status >>> 2] as string}, level ${status & 3}`;
  if (status === 0x10) return 'synchronous external abort';
  if (status >= 0x14 && status < 0x18) return `synchronous external abort on a table walk, level ${status & 3}`;
  if (status === 0x21) return 'alignment fault';
  return `fault status ${hex(status)}`;
}

/** ESR_EL1 in words: "data abort on a write: permission fault, level 3". */
export function describeSyndrome(esr: number): string {
  const exceptionClass = esr >>> 26;
  const name = CLASSES[exceptionClass] ?? `exception class ${hex(exceptionClass)}`;
  const status = describeFaultStatus(esr & 0x3f);
  if (DATA_ABORTS.includes(exceptionClass))
    return `${name} on a ${(esr & (1 << 6)) === 0 ? 'read' : 'write'}: ${status}`;
  if (INSTRUCTION_ABORTS.includes(exceptionClass)) return `${name}: ${status}`;
  if (exceptionClass === 0x3c) return `${name}, immediate ${esr & 0xffff}`;
  return name;
}

/** The panic for vector `index`, from the syndrome registers as the CPU left them. */
export function unexpectedException(index: number, registers: SystemRegisterPort, image: KernelImage): KernelPanic {
  const kind = VECTOR_KINDS[index & 3] as string;
  const source = VECTOR_SOURCES[index >>> 2] as string;
  const esr = Number(registers.read('ESR_EL1'));
  const far = registers.read('FAR_EL1');
  const elr = registers.read('ELR_EL1');
  const what = (index & 3) === 0 ? describeSyndrome(esr) : kind;
  const guard = image.guard;
  const inGuard = far >= physToVirt(guard.start) && far < physToVirt(guard.end);
  const isAbort = (index & 3) === 0 && [...DATA_ABORTS, ...INSTRUCTION_ABORTS].includes(esr >>> 26);
  return new KernelPanic(
    isAbort && inGuard ? 'Kernel stack overflow' : `Unexpected ${kind} from ${source}`,
    `${what}; ESR_EL1 ${hex(esr, 8)}, FAR_EL1 ${hex(far, 16)}, ELR_EL1 ${hex(elr, 16)}, SPSR_EL1 ${hex(registers.read('SPSR_EL1'))}`,
  );
}
