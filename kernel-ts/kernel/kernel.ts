// SPDX-License-Identifier: GPL-2.0-only
/**
 * Entry points of the kernel, one for each gate: kmain once, and a vector for each exception. An
 * entry gets the interrupted trap frame, and returns the frame to continue with.
 *
 *     kmain ─► idle frame, or the first process's                      vector 5, 9 (IRQ) ─► interrupts ─► frame
 *     vector 8 (synchronous, EL0) ─► userSpace.syscall or .fault ─► frame          others ─► panic
 *
 * All state that a real kernel would keep in memory lies in emulated RAM; the fields here are
 * handles on it.
 */

import { type VirtAddr, virtAddr } from '#common/address.ts';
import { findConsole } from '#kernel-ts/hal/console/console-drivers.ts';
import { type Fdt, FdtError } from '#fdt/index.ts';
import { MapError } from '#kernel-ts/hal/mmu/map-error.ts';
import { PtPoolError } from '#kernel-ts/hal/mmu/pt-pool.ts';
import type { Ports } from '#kernel-ts/hal/ports.ts';
import type { KernelImage } from './image.ts';
import type { ConsoleInput } from './interrupts/console-input.ts';
import type { Interrupts } from './interrupts/interrupts.ts';
import { Log } from './log.ts';
import { type BootingKernel, kmain, type KernelConfig } from './main.ts';
import { physToVirt } from './direct-map.ts';
import type { MemorySystem } from './mm/memory.ts';
import { KernelPanic } from './panic.ts';
import { SPSR_IDLE, TRAP_FRAME_BYTES, TrapFrame } from './trap-frame.ts';
import type { Shell } from './shell/shell.ts';
import { isSystemCall, unexpectedException, VECTOR } from './traps.ts';
import { NO_PROCESSES, type UserSpace } from './user-space.ts';

/** Gate of kmain: `_start` is done, the MMU is on, the stack is set. firmware/kernel/head.S */
export const GATE_KMAIN = 0x4c00;
/** First of 16 gates, one for each vector. */
export const GATE_VECTOR = 0x4c10;
const VECTORS = 16;

/** Result of a gate: the CPU restores the trap frame at that address, or parks for good. */
export type GateOutcome = VirtAddr | 'park';

export class Kernel implements BootingKernel {
  readonly ports: Ports;
  readonly image: KernelImage;
  readonly config: KernelConfig;
  readonly log: Log;
  tree: Fdt | null = null;
  memory: MemorySystem | null = null;
  interrupts: Interrupts | null = null;
  input: ConsoleInput | null = null;
  shell: Shell | null = null;
  userSpace: UserSpace = NO_PROCESSES;
  private panicking = false;
  private explaining = false;

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

  get idleFrame(): TrapFrame {
    return new TrapFrame(this.ports.memory, virtAddr(this.image.virtual('boot_stack_top') - BigInt(TRAP_FRAME_BYTES)));
  }

  /**
   * Runs the function of gate `immediate`.
   * @param x0 X0 at the gate: for a vector, the trap frame's address
   * @throws what a port throws on an access that faults; the caller makes it an exception of the
   * CPU
   */
  enter(immediate: number, x0: bigint): GateOutcome {
    try {
      let next =
        immediate === GATE_KMAIN
          ? this.boot()
          : this.exception(immediate - GATE_VECTOR, new TrapFrame(this.ports.memory, virtAddr(x0)));
      const { userSpace } = this;
      let { runnable } = userSpace;
      if (!runnable && !userSpace.hasConsole) {
        this.shell?.serve();
        // Its commands may have started a process.
        ({ runnable } = userSpace);
        if (runnable) next = userSpace.schedule(next);
      }
      this.interrupts?.tickWhile(runnable);
      return next.address;
    } catch (error) {
      const panic = asPanic(error);
      if (panic === null) throw error;
      this.panic(panic);
      return 'park';
    }
  }

  inputArrived(frame: TrapFrame): TrapFrame {
    const { userSpace } = this;
    // Without a console of user space the shell reads the input, at the end of this gate.
    if (!userSpace.hasConsole) return frame;
    return this.takeInterrupt() ? userSpace.interrupt(frame) : userSpace.input(frame);
  }

  ticked(frame: TrapFrame): TrapFrame {
    // Ctrl-C may have been typed before the program existed.
    return this.takeInterrupt() ? this.userSpace.interrupt(frame) : this.userSpace.tick(frame);
  }

  /** True when Ctrl-C was typed; a process that reads the console gets it as any other byte. */
  private takeInterrupt(): boolean {
    if (this.userSpace.isRead || this.input?.takeInterrupt() !== true) return false;
    this.log.console.write('^C\n');
    return true;
  }

  private boot(): TrapFrame {
    // A reset keeps this object, and clears the memory behind its handles.
    this.panicking = false;
    this.explaining = false;
    this.tree = null;
    this.memory = null;
    this.interrupts = null;
    this.input = null;
    this.shell = null;
    this.userSpace = NO_PROCESSES;
    const idle = this.idleFrame;
    idle.clear();
    idle.elr = this.image.virtual('idle');
    idle.spsr = SPSR_IDLE;
    return kmain(this);
  }

  private exception(vector: number, frame: TrapFrame): TrapFrame {
    const { userSpace, interrupts } = this;
    switch (vector) {
      case VECTOR.irqEl1:
      case VECTOR.irqEl0:
        if (interrupts !== null) return interrupts.handle(frame);
        break;
      case VECTOR.synchronousEl0:
        if (userSpace === NO_PROCESSES) break;
        return isSystemCall(frame.esr) ? userSpace.syscall(frame) : userSpace.fault(frame);
      case VECTOR.serrorEl0:
        if (userSpace === NO_PROCESSES) break;
        return userSpace.fault(frame);
      default:
    }
    // The explanation may fault in turn, and come here again.
    const brief = this.explaining;
    this.explaining = true;
    throw unexpectedException(vector, frame, this, brief);
  }

  /**
   * Prints the lines of a panic and emits the event. A panic inside a panic only parks, because
   * printing itself is broken.
   */
  private panic({ reason, detail, more }: KernelPanic): void {
    if (!this.panicking) {
      this.panicking = true;
      this.ports.trace.emit('panic', { reason, detail });
      const { console } = this.log;
      this.log.freshLine();
      for (const line of [`PANIC: ${reason}`, detail, ...more]) console.write(`${line}\n`);
    }
    // A parked core must not be woken. Closed only once, because closing itself may be broken.
    const { interrupts } = this;
    this.interrupts = null;
    interrupts?.close();
  }
}

/** Panic for a failure of the kernel; null for a port's fault, or a fault of the emulator. */
function asPanic(error: unknown): KernelPanic | null {
  if (error instanceof KernelPanic) return error;
  if (error instanceof MapError) {
    return new KernelPanic('Cannot change the page tables', `${error.code}: ${error.message}`);
  }
  if (error instanceof PtPoolError) return new KernelPanic('PT_POOL is corrupt', error.message);
  if (error instanceof FdtError) return new KernelPanic(`Cannot read the device tree: ${error.code}`, error.message);
  return null;
}
