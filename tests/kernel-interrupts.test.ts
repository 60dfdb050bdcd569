// SPDX-License-Identifier: GPL-2.0-only
/**
 * Interrupts and exceptions of the modelled kernel on whole machines: controller, timer and console
 * interrupt as the device tree has them, the tick while something runs and silence when nothing
 * does, trap frames that keep every register, and trees that lack what interrupts need.
 */

import { describe, expect, it } from 'vitest';
import { cells, Fdt, type FdtNode, type FdtTree, readTree, stringValue, writeFdt } from '#fdt/index.ts';
import type { TrapFrame } from '#kernel-ts/kernel/trap-frame.ts';
import type { UserSpace } from '#kernel-ts/kernel/user-space.ts';
import { createMachine } from '#workbench/index.ts';
import type { LevitateMachine, MachineSettings } from '#workbench/machine/levitate-machine.ts';
import { plantInstruction } from './support/planted-code.ts';

const NO_INITRD = new Uint8Array(0);

const MACHINES: readonly (readonly [name: string, settings: MachineSettings, controller: string, uart: number])[] = [
  ['pixel6', { board: 'pixel6', initrd: NO_INITRD }, 'GICv3', 666],
  ['qemu-virt', { board: 'qemu-virt', initrd: NO_INITRD }, 'GICv2', 33],
  ['qemu-virt with a GICv3', { board: 'qemu-virt', gicVersion: 3, initrd: NO_INITRD }, 'GICv3', 33],
];

/**
 * A user space that says it has something to run and leaves the idle loop in place: enough for the
 * kernel to tick.
 */
class Busy implements UserSpace {
  readonly hasConsole = true;
  readonly runnable = true;
  readonly isRead = true;
  readonly ticksNs: number[] = [];
  typed = 0;
  private readonly machine: LevitateMachine;
  private readonly until: number;

  constructor(machine: LevitateMachine, until: number) {
    this.machine = machine;
    this.until = until;
  }

  tick(frame: TrapFrame): TrapFrame {
    this.ticksNs.push(this.machine.machine.clock.nowNs);
    if (this.ticksNs.length >= this.until) this.machine.machine.stop();
    return frame;
  }

  input(frame: TrapFrame): TrapFrame {
    this.typed++;
    return frame;
  }

  syscall(): TrapFrame {
    throw new Error('not called');
  }

  fault(): TrapFrame {
    throw new Error('not called');
  }

  interrupt(): TrapFrame {
    throw new Error('not called');
  }

  schedule(frame: TrapFrame): TrapFrame {
    return frame;
  }

  spawn(): never {
    throw new Error('not called');
  }

  programs(): readonly [] {
    return [];
  }

  processes(): readonly [] {
    return [];
  }
}

describe.each(MACHINES)('%s', (_name, settings, controller, uart) => {
  function boot(): LevitateMachine {
    const machine = createMachine(settings);
    expect(machine.run({ timeoutNs: 10e9 }).outcome, machine.serial.text).toBe('steady');
    return machine;
  }

  it('says which controller, timer and console interrupt it found', () => {
    const machine = boot();
    const log = machine.serial.text;
    expect(log).toContain(`, ${controller} at 0x`);
    expect(log).toMatch(/\[TIMER\] virtual timer, \d+ Hz, interrupt 27: 100 ticks a second/);
    expect(log).toContain(`[UART] console input by interrupt ${uart}`);
    machine.close();
  });

  it('takes no tick while nobody can run, however long it is run', () => {
    const machine = boot();
    const { instructions } = machine.machine.clock;
    expect(machine.run({ timeoutNs: 100e9 }).outcome).toBe('steady');
    expect(machine.kernel.interrupts?.ticks).toBe(0n);
    expect(machine.machine.clock.instructions - instructions).toBeLessThan(100);
    machine.close();
  });

  it('ticks 100 times a second of simulated time while something can run, and counts them', () => {
    const machine = boot();
    const { kernel } = machine;
    const busy = new Busy(machine, 20);
    kernel.userSpace = busy;
    // A key wakes the idle loop; the gate that follows starts the tick.
    machine.type('x');
    machine.run({ timeoutNs: 10e9 });
    expect(busy.typed).toBe(1);
    expect(busy.ticksNs).toHaveLength(20);
    const gaps = busy.ticksNs.slice(1).map((ns, index) => ns - (busy.ticksNs[index] ?? 0));
    for (const gap of gaps) expect(Math.abs(gap - 10e6)).toBeLessThan(100e3);
    expect(kernel.interrupts?.ticks).toBe(20n);
    // There is no drift: the last tick is at its time by 100 Hz.
    const span = (busy.ticksNs.at(-1) ?? 0) - (busy.ticksNs[0] ?? 0);
    expect(Math.abs(span - 190e6)).toBeLessThan(100e3);
    machine.close();
  });

  it('an interrupt of the idle loop gives back every general register', () => {
    const machine = boot();
    const { engine } = machine.cpu;
    // The core sleeps in the idle loop. The values of its registers must survive an interrupt.
    for (let n = 0; n < 31; n++) engine.setX(n, 0x1111_0000_0000_0000n + BigInt(n));
    const before = registersOf(machine);
    machine.type('y');
    machine.run({ timeoutNs: 10e9 });
    expect(machine.serial.text.endsWith('levitate> y')).toBe(true);
    expect(registersOf(machine)).toEqual(before);
    machine.close();
  });

  it('a great deal of input arrives whole: what the queue has no room for waits in the UART', () => {
    const machine = boot();
    const busy = new Busy(machine, 1);
    machine.kernel.userSpace = busy;
    const text = Array.from({ length: 3000 }, (_, index) => String.fromCharCode(33 + (index % 90))).join('');
    machine.type(text);
    machine.run({ timeoutNs: 10e9 });
    const { input } = machine.kernel;
    let read = '';
    // Each run lets the interrupt refill the queue.
    for (let round = 0; round < 10; round++) {
      for (let byte = input?.read() ?? null; byte !== null; byte = input?.read() ?? null) {
        read += String.fromCharCode(byte);
      }
      machine.run({ maxInstructions: machine.machine.clock.instructions + 10_000 });
    }
    expect(read).toBe(text);
    machine.close();
  });

  it('what was typed before the kernel was up is there when it reads', () => {
    const machine = createMachine(settings);
    machine.type('nonsense\n'.repeat(40));
    expect(machine.run({ timeoutNs: 10e9 }).outcome).toBe('steady');
    expect(machine.serial.text.match(/nonsense: no such command/g)).toHaveLength(40);
    machine.close();
  });
});

/** x0 to x30, SP, PC and PSTATE as the core holds them. */
function registersOf({ cpu: { engine } }: LevitateMachine): unknown {
  return {
    x: Array.from({ length: 31 }, (_, n) => engine.getX(n)),
    sp: engine.getSp(),
    daif: engine.getPstate() & 0x3cf,
  };
}

describe('a kernel stack that ran over', () => {
  /** MOV SP, X1 (Arm ARM DDI 0487 K.a, C6.2). */
  const MOV_SP_X1 = 0x9100_003f;

  it.each(['pixel6', 'qemu-virt'] as const)(
    '%s: is reported when an exception finds SP in the guard page, and does not recurse',
    (board) => {
      // Behind the planted instruction stands WFI; the next interrupt would be saved in the guard
      // page.
      const { machine } = plantInstruction(
        { board, initrd: NO_INITRD },
        MOV_SP_X1,
        ({ kernel }) => 0xffff_8000_0000_0000n + BigInt(kernel.image.guard.start) + 0x800n,
      );
      machine.events.subscribe(({ fields }) => {
        if (!fields.text.startsWith('[BOOT] steady state')) return;
        // Unmasks IRQs for the idle loop that the planted instruction falls into.
        machine.cpu.engine.setPstate(machine.cpu.engine.getPstate() & ~0x80);
      }, 'serial');
      expect(machine.run({ timeoutNs: 10e9 }).outcome).toBe('steady');
      machine.type('z');
      const outcome = machine.run({ timeoutNs: 100e9 });
      expect(outcome, machine.serial.text).toMatchObject({ outcome: 'panic', panic: 'PANIC: Kernel stack overflow' });
      expect(machine.serial.text).toMatch(/data abort on a write: translation fault, level 3/);
      machine.close();
    },
  );
});

describe('a device tree that is not what it should be', () => {
  const template = createMachine({ board: 'qemu-virt', initrd: NO_INITRD });
  const tree = readTree(Fdt.open(template.deviceTree));
  template.close();

  /** The board's own tree with the children of its root replaced: null drops one. */
  const withNodes = (change: (node: FdtNode) => FdtNode | null): FdtTree => ({
    ...tree,
    root: { ...tree.root, children: tree.root.children.map(change).filter((node) => node !== null) },
  });
  const without = (name: string): FdtTree => withNodes((node) => (node.name === name ? null : node));
  const withProperty = (name: string, property: string, value: Uint8Array | null): FdtTree =>
    withNodes((node) =>
      node.name !== name
        ? node
        : {
            ...node,
            properties: [
              ...node.properties.filter((candidate) => candidate.name !== property),
              ...(value === null ? [] : [{ name: property, value }]),
            ],
          },
    );
  const GIC = 'intc@8000000';

  it.each<[string, FdtTree, string]>([
    ['no GIC', without(GIC), '[GIC] no interrupts: the device tree names no GIC'],
    [
      'a GIC that is not there',
      withProperty(GIC, 'reg', cells(0, 0xb00_0000, 0, 0x1_0000, 0, 0xb01_0000, 0, 0x1_0000)),
      '[GIC] no interrupts: nothing answers where the distributor should be',
    ],
    [
      'a GIC in RAM',
      withProperty(GIC, 'reg', cells(0, 0x6000_0000, 0, 0x1_0000, 0, 0x6001_0000, 0, 0x1_0000)),
      '[GIC] no interrupts: /intc@8000000: registers at 0x60000000 cannot be mapped as a device',
    ],
    [
      'a GIC of another kind',
      withProperty(GIC, 'compatible', stringValue('arm,gic-v3')),
      '[GIC] no interrupts: this core has no system registers for a GICv3',
    ],
    [
      'a GIC with half its registers',
      withProperty(GIC, 'reg', cells(0, 0x800_0000, 0, 0x1_0000)),
      '[GIC] no interrupts: FDT_ERR_BADVALUE',
    ],
    [
      'specifiers of another width',
      withProperty(GIC, '#interrupt-cells', cells(2)),
      '[TIMER] no ticks: FDT_ERR_BADNCELLS',
    ],
    ['no timer', without('timer'), '[TIMER] no ticks: the device tree names no generic timer'],
    ['a timer without interrupts', withProperty('timer', 'interrupts', null), '[TIMER] no ticks: FDT_ERR_BADVALUE'],
    [
      'a timer with an interrupt of no GIC',
      withProperty('timer', 'interrupts', cells(7, 7, 7)),
      '[TIMER] no ticks: FDT_ERR_BADVALUE',
    ],
    [
      'no interrupt of the virtual timer',
      withProperty('timer', 'interrupts', cells(1, 13, 4, 1, 14, 4)),
      '[TIMER] physical timer, 62500000 Hz, interrupt 30',
    ],
    [
      'no interrupt of the console',
      withProperty('pl011@9000000', 'interrupts', null),
      '[UART] no input: the device tree names no interrupt of /pl011@9000000',
    ],
    [
      'an interrupt that the GIC lacks',
      withProperty('pl011@9000000', 'interrupts', cells(0, 900, 4)),
      '[UART] no input: there is no interrupt 932: the controller has',
    ],
  ])('%s: a line says so, and the kernel goes on', (_what, changed, line) => {
    const machine = createMachine({ board: 'qemu-virt', dtb: writeFdt(changed), initrd: NO_INITRD });
    expect(machine.run({ timeoutNs: 10e9 }), machine.serial.text).toMatchObject({ outcome: 'steady', exitStatus: 0 });
    expect(machine.serial.text).toContain(line);
    machine.close();
  });
});
