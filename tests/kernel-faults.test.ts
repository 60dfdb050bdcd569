// SPDX-License-Identifier: GPL-2.0-only
/**
 * Faults of the kernel itself: forbidden accesses, and structures that a test damages. Each ends in
 * a panic that names the cause. When not even a panic is possible, it ends in a lockup that the
 * machine reports.
 */

import { describe, expect, it } from 'vitest';
import { memoryFields } from '#workbench/explain/kernel-memory.ts';
import { type BootResult, createMachine } from '#workbench/index.ts';
import type { LevitateMachine } from '#workbench/machine/levitate-machine.ts';
import { plantInstruction } from './support/planted-code.ts';

/** Without processes, so that the low half is off. */
const NO_INITRD = new Uint8Array(0);

const LOW = 0x8000_0000;
const HIGH = 0x8_8000_0000;
const DIRECT_MAP = 0xffff_8000_0000_0000n;

/** Instructions: Arm ARM DDI 0487 K.a, C6.2. */
const LDR_X0_X1 = 0xf940_0020;
const STR_X0_X1 = 0xf900_0020;
const BR_X1 = 0xd61f_0020;
const UDF = 0;
const BRK_0X123 = 0xd420_2460;
const SVC = 0xd400_00e1;

describe('a fault of the kernel’s own', () => {
  /**
   * Boots and lets `harm` act at the moment when the kernel prints a line that starts with `line`.
   */
  function bootAndHarm(line: string, harm: (machine: LevitateMachine) => void): BootResult {
    const machine = createMachine({ board: 'pixel6' });
    let done = false;
    machine.events.subscribe(({ fields }) => {
      if (done || !fields.text.startsWith(line)) return;
      done = true;
      harm(machine);
    }, 'serial');
    return { machine, outcome: machine.run({ timeoutNs: 10e9 }) };
  }
  /**
   * Physical address of mem_map, from the kernel's own report: it is not up yet when the harm is
   * done.
   */
  function memMapBase(machine: LevitateMachine): number {
    return Number(memoryFields(machine.events.get('memory'), 'mem_map')[0]?.base);
  }

  it('a free list whose link was overwritten is found by the next allocation', () => {
    // The next allocation is the heap's.
    const result = bootAndHarm('[BUDDY] ', (machine) => {
      const base = memMapBase(machine);
      // The links of free heads now lead to invalid places.
      for (let entry = 0; entry < 524_288; entry++) {
        if ((machine.memory.read8(base + 24 * entry) & 0x09) === 0x09) {
          machine.memory.write64(base + 24 * entry + 8, 0xffff_8000_1234_5678n);
        }
      }
    });
    expect(result.outcome.panic, result.machine.serial.text).toMatch(/^PANIC: .*(free list|struct Page|corrupt)/i);
    expect(result.outcome.exitStatus).toBe(1);
    result.machine.close();
  });

  it('a kernel that lost the mapping of its own vectors is a lockup that is told, not an endless loop', () => {
    const result = bootAndHarm('[MMU] kernel tables live', (machine) => {
      const root = Number(machine.cpu.translationRegisters().ttbr1 & 0x0000_ffff_ffff_f000n);
      const level1 = Number(machine.memory.read64(root + 8 * 256) & 0x0000_ffff_ffff_f000n);
      machine.memory.write64(level1 + 8 * 2, 0n);
      machine.cpu.virtualMemory.invalidate();
    });
    // Image and vectors were in that GiB: the core cannot even report.
    expect(result.outcome).toMatchObject({ outcome: 'error', exitStatus: 1, panic: null });
    expect(result.outcome.reason).toMatch(/cannot execute its own exception vector/);
    result.machine.close();
  });

  describe('executed by the CPU', () => {
    const UNMAPPED = DIRECT_MAP + 0x20_0000_0000n;
    it.each<[string, number, (machine: LevitateMachine) => bigint, string, RegExp]>([
      [
        'a load from unmapped memory',
        LDR_X0_X1,
        () => UNMAPPED,
        'Unexpected synchronous exception from EL1',
        /^data abort on a read: translation fault, level 1; ESR_EL1 0x96000005, FAR_EL1 0xffff802000000000/,
      ],
      [
        'a store to unmapped memory',
        STR_X0_X1,
        () => UNMAPPED,
        'Unexpected synchronous exception from EL1',
        /^data abort on a write: translation fault, level 1; ESR_EL1 0x96000045/,
      ],
      [
        'a load through the identity map',
        LDR_X0_X1,
        () => BigInt(LOW),
        'Unexpected synchronous exception from EL1',
        /^data abort on a read: translation fault, level 0; ESR_EL1 0x96000004, FAR_EL1 0x0000000080000000/,
      ],
      [
        'a store to kernel text',
        STR_X0_X1,
        ({ kernel }) => DIRECT_MAP + BigInt(kernel.image.text.start),
        'Unexpected synchronous exception from EL1',
        /^data abort on a write: permission fault, level 3; ESR_EL1 0x9600004f, FAR_EL1 0xffff800080080000/,
      ],
      [
        'a store to read-only data',
        STR_X0_X1,
        ({ kernel }) => DIRECT_MAP + BigInt(kernel.image.rodata.start),
        'Unexpected synchronous exception from EL1',
        /^data abort on a write: permission fault, level 3/,
      ],
      [
        'a store to the device tree',
        STR_X0_X1,
        (machine) => DIRECT_MAP + BigInt(machine.findImage('dtb')!.base),
        'Unexpected synchronous exception from EL1',
        /^data abort on a write: permission fault/,
      ],
      [
        'a jump into data',
        BR_X1,
        ({ kernel }) => DIRECT_MAP + BigInt(kernel.image.data.start),
        'Unexpected synchronous exception from EL1',
        /^instruction abort: permission fault, level 3; ESR_EL1 0x8600000f/,
      ],
      [
        'a jump into the direct map',
        BR_X1,
        () => DIRECT_MAP + BigInt(HIGH),
        'Unexpected synchronous exception from EL1',
        /^instruction abort: permission fault, level 1; ESR_EL1 0x8600000d/,
      ],
      [
        'a load from no-map memory',
        LDR_X0_X1,
        () => DIRECT_MAP + 0x9020_0000n,
        'Unexpected synchronous exception from EL1',
        /^data abort on a read: translation fault/,
      ],
      [
        'a store below the stack',
        STR_X0_X1,
        ({ kernel }) => DIRECT_MAP + BigInt(kernel.image.stack.start) - 8n,
        'Kernel stack overflow',
        /^data abort on a write: translation fault, level 3/,
      ],
      [
        'an undefined instruction',
        UDF,
        () => 0n,
        'Unexpected synchronous exception from EL1',
        /^unknown reason \(undefined instruction\); ESR_EL1 0x02000000/,
      ],
      [
        'a BRK',
        BRK_0X123,
        () => 0n,
        'Unexpected synchronous exception from EL1',
        /^BRK instruction, immediate 291; ESR_EL1 0xf2000123/,
      ],
      ['an SVC', SVC, () => 0n, 'Unexpected synchronous exception from EL1', /^SVC/],
    ])('%s', (_what, instruction, x1, panic, detail) => {
      const { machine, address } = plantInstruction({ board: 'pixel6', initrd: NO_INITRD }, instruction, x1);
      const outcome = machine.run({ timeoutNs: 10e9 });
      expect(outcome, machine.serial.text).toMatchObject({ outcome: 'panic', exitStatus: 1, panic: `PANIC: ${panic}` });
      const { lines } = machine.serial;
      const said = lines.lastIndexOf(`PANIC: ${panic}`);
      const why = lines[said + 1] ?? '';
      expect(why).toMatch(detail);
      // The address of the instruction; of what comes next for SVC; of the target for a jump that
      // faults on arrival.
      const elr = instruction === SVC ? address() + 4n : instruction === BR_X1 ? x1(machine) : address();
      expect(why).toContain(`ELR_EL1 0x${elr.toString(16)}`);
      // Behind the two lines that tools read: the syndrome's fields, the walk of an abort, the
      // registers.
      const more = lines.slice(said + 2).join('\n');
      expect(more).toMatch(/^ESR_EL1: EC 0x/);
      expect(more.includes('walk of 0x')).toBe(why.includes('abort'));
      expect(more).toContain(`x1  0x${x1(machine).toString(16).padStart(16, '0')}`);
      machine.close();
    });
  });
});
