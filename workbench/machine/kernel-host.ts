// SPDX-License-Identifier: GPL-2.0-only
/**
 * The modelled kernel on a machine: its ports on one side, its gates on the other. The machine
 * knows no kernel and the kernel knows no machine; this file is where they meet.
 *
 *     HLT #n ─► machine ─► enter(n) ─► Kernel.enter(n, X0) ─┬─ a trap frame: in X0, the core goes on after the gate
 *                                                           ├─ park: the core goes where nothing is left to do
 *                                                           └─ an access faulted: the core takes the exception
 *             at EL0 ─► undefined instruction
 */

import { type Events, eventsOf } from './event-kinds.ts';
import { alignDown, hex, type VirtAddr } from '#common/address.ts';
import { DataAbort } from '#common/data-abort.ts';
import type { MachineCore } from '#emulator/cpu/machine-core.ts';
import { undefinedSyndrome } from '#emulator/cpu/syndrome.ts';
import { CODE_LINE } from '#emulator/cpu/stale-caches.ts';
import { SYSTEM_REGISTERS } from '#emulator/engine/system-registers.ts';
import type { Machine } from '#emulator/machine/machine.ts';
import type { GateHandler } from '#emulator/machine/machine-ports.ts';
import type { Ports, SystemRegister, SystemRegisterPort } from '#kernel-ts/hal/ports.ts';
import type { KernelImage } from '#kernel-ts/kernel/image.ts';
import { Kernel } from '#kernel-ts/kernel/kernel.ts';
import type { KernelConfig } from '#kernel-ts/kernel/main.ts';

/** Registers that decide translations: a write to one drops cached walks. */
const TRANSLATION_REGISTERS: readonly SystemRegister[] = ['SCTLR_EL1', 'TCR_EL1', 'TTBR0_EL1', 'TTBR1_EL1', 'MAIR_EL1'];

const GATE_BYTES = 4n;

export class KernelHost implements GateHandler {
  readonly kernel: Kernel;
  private readonly machine: Machine;
  private readonly image: KernelImage;
  /**
   * True when the kernel has changed page tables or their registers: the core's own TLB must be
   * flushed before the core continues.
   */
  private translationsChanged = false;

  constructor(machine: Machine, image: KernelImage, config: KernelConfig) {
    this.machine = machine;
    this.image = image;
    this.kernel = new Kernel(this.ports(machine.bootCore), image, config);
  }

  owns(immediate: number): boolean {
    return Kernel.ownsGate(immediate);
  }

  enter(immediate: number, core: MachineCore): void {
    // User programs have no gates: at EL0 the HLT is an undefined instruction, as anywhere else.
    if (core.level === 0) {
      core.engine.setPc(core.engine.getPc() - GATE_BYTES);
      core.raiseSynchronous(undefinedSyndrome(), null);
      return;
    }
    const { events } = this.machine;
    if (events.enabled('gate')) events.emit('gate', { immediate, pc: hex(core.engine.getPc() - GATE_BYTES) });
    try {
      const outcome = this.kernel.enter(immediate, core.engine.getX(0));
      if (outcome === 'park') core.engine.setPc(this.image.virtual('cpu_park'));
      else core.engine.setX(0, outcome);
    } catch (error) {
      if (!(error instanceof DataAbort)) throw error;
      core.engine.setPc(core.engine.getPc() - GATE_BYTES);
      core.raiseSynchronous(error.esr, error.far);
    }
    if (this.translationsChanged) {
      this.translationsChanged = false;
      core.engine.flushTlb();
    }
  }

  private ports(core: MachineCore): Ports {
    const { machine } = this;
    const events = eventsOf(machine);
    return {
      memory: core.virtualMemory,
      mmio: core.virtualMemory,
      probe: { read32: (va) => probe(() => core.virtualMemory.read32(va)) },
      registers: this.registers(core),
      tlb: {
        invalidateAll: () => this.invalidate(core),
        invalidatePage: () => this.invalidate(core),
        // The kernel's accesses take effect in order and at once.
        dsb: () => {},
        isb: () => {},
      },
      caches: { syncInstructions: (va, bytes) => this.syncInstructions(core, va, bytes) },
      trace: {
        enabled: (kind) => events.enabled(kind),
        emit: (kind, fields) => {
          const told = typeof fields === 'function' ? machine.clock.withoutCharge(fields) : fields;
          events.emit(kind, told as Events[typeof kind]);
        },
      },
      firmware: {
        call: (_conduit, functionId, arg1 = 0n, arg2 = 0n, arg3 = 0n) =>
          machine.firmwareCall(functionId, [arg1, arg2, arg3, 0n]),
      },
    };
  }

  private registers(core: MachineCore): SystemRegisterPort {
    const { clock } = this.machine;
    return {
      read: (register) => {
        clock.portAccesses++;
        if (register === 'CurrentEL') return BigInt(core.level << 2);
        if (register === 'DAIF') return BigInt(core.engine.getPstate() & 0x3c0);
        const value = core.readSystemRegister(SYSTEM_REGISTERS[register]);
        if (value === undefined) throw new RangeError(`this core has no ${register}`);
        return value;
      },
      write: (register, value) => {
        clock.portAccesses++;
        if (register === 'CurrentEL' || register === 'DAIF') {
          throw new RangeError(`${register} is not written through this port`);
        }
        if (!core.writeSystemRegister(SYSTEM_REGISTERS[register], value)) {
          throw new RangeError(`this core has no ${register}`);
        }
        if (TRANSLATION_REGISTERS.includes(register)) this.invalidate(core);
      },
    };
  }

  /**
   * TypeScript's writes are in memory at once. The cores must discard what they translated from the
   * old bytes.
   */
  private syncInstructions(core: MachineCore, va: VirtAddr, bytes: number): void {
    const { machine } = this;
    machine.clock.portAccesses += Math.ceil(bytes / CODE_LINE);
    const pa = core.virtualMemory.resolve(va, 1, false);
    const change = { kind: 'code range', start: alignDown(pa, CODE_LINE), end: pa + bytes } as const;
    for (const other of machine.cores) other.forget(change);
  }

  private invalidate(core: MachineCore): void {
    this.machine.clock.portAccesses++;
    core.virtualMemory.invalidate();
    this.translationsChanged = true;
  }
}

/** The result of `access`, or null when it faults. */
function probe(access: () => number): number | null {
  try {
    return access();
  } catch (error) {
    if (error instanceof DataAbort) return null;
    throw error;
  }
}
