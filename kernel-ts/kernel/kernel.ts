/**
 * The kernel as the gates see it: entered at kmain once, and at a vector for each exception.
 *
 * It keeps no state of its own that a real kernel would keep in memory; the fields here are handles on what lies in emulated RAM.
 */

import type { PhysAddr } from '../../emulator/address.ts';
import { findConsole } from '../hal/console/console-drivers.ts';
import { FdtError } from '../hal/fdt/index.ts';
import { MapError } from '../hal/mmu/map-error.ts';
import { PtPoolError } from '../hal/mmu/pt-pool.ts';
import type { Ports } from '../hal/ports.ts';
import type { KernelImage } from './image.ts';
import { Log } from './log.ts';
import { kmain } from './main.ts';
import { physToVirt } from './mm/direct-map.ts';
import type { MemorySystem } from './mm/memory.ts';
import { KernelPanic } from './panic.ts';
import { unexpectedException } from './traps.ts';

/** The first gate: `_start` is done, the MMU is on, the stack is set. firmware/kernel/head.S */
export const GATE_KMAIN = 0x4c00;
/** The first of 16 gates, one for each vector. */
export const GATE_VECTOR = 0x4c10;
const VECTORS = 16;

/** What is decided when a kernel is built or loaded, not read from the device tree. */
export interface KernelConfig {
  /** The UART to use before the device tree is read, and for good if that names none: a driver's `compatible` and a physical address. */
  readonly earlyConsole: { readonly compatible: string; readonly base: PhysAddr };
  /** Bytes of device tree that the boot loader loaded, or null when it did not say: less than totalsize means a truncated blob. */
  readonly deviceTreeBytes: number | null;
}

/** How a gate ends: the CPU goes on behind the gate instruction, or parks for good. */
export type GateOutcome = 'resume' | 'park';

export class Kernel {
  readonly ports: Ports;
  readonly image: KernelImage;
  readonly config: KernelConfig;
  readonly log: Log;
  /** Set when memory is up. */
  memory: MemorySystem | null = null;
  private panicking = false;

  constructor(ports: Ports, image: KernelImage, config: KernelConfig) {
    this.ports = ports;
    this.image = image;
    this.config = config;
    const { compatible, base } = config.earlyConsole;
    const driver = findConsole([compatible]);
    if (driver === null) throw new RangeError(`no console driver for ${compatible}`);
    this.log = new Log(driver.create(ports.mmio, physToVirt(base)), ports.trace);
  }

  /** True when `HLT #immediate` enters this kernel. */
  static ownsGate(immediate: number): boolean {
    return immediate === GATE_KMAIN || (immediate >= GATE_VECTOR && immediate < GATE_VECTOR + VECTORS);
  }

  /**
   * Runs what is behind gate `immediate`.
   * @throws what a port throws on an access that faults; the caller makes it an exception of the CPU
   */
  enter(immediate: number): GateOutcome {
    try {
      if (immediate === GATE_KMAIN) {
        kmain(this);
        return 'resume';
      }
      throw unexpectedException(immediate - GATE_VECTOR, this.ports.registers, this.image);
    } catch (error) {
      const panic = asPanic(error);
      if (panic === null) throw error;
      this.panic(panic);
      return 'park';
    }
  }

  /** Prints a panic's two lines and tells the trace. A panic inside a panic only parks: whatever prints is what is broken. */
  private panic({ reason, detail }: KernelPanic): void {
    if (this.panicking) return;
    this.panicking = true;
    this.ports.trace.emit('panic', { reason, detail });
    this.log.console.write(`PANIC: ${reason}\n`);
    this.log.console.write(`${detail}\n`);
  }
}

/** Failures that the kernel has no answer to are panics; a port's fault and a fault of the emulator are not. */
function asPanic(error: unknown): KernelPanic | null {
  if (error instanceof KernelPanic) return error;
  if (error instanceof MapError)
    return new KernelPanic('Cannot change the page tables', `${error.code}: ${error.message}`);
  if (error instanceof PtPoolError) return new KernelPanic('PT_POOL is corrupt', error.message);
  if (error instanceof FdtError) return new KernelPanic(`Cannot read the device tree: ${error.code}`, error.message);
  return null;
}
