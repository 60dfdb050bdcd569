// SPDX-License-Identifier: GPL-2.0-only
/**
 * User processes on whole machines: the default initramfs runs, a fault ends only its process,
 * registers and turns are right, and everything that a process took is freed when it has ended.
 */

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SYSTEM_REGISTERS } from '#emulator/engine/system-registers.ts';
import { PAGE_OWNERS } from '#kernel-ts/kernel/mm/page-owner.ts';
import { GATE_KMAIN, GATE_VECTOR } from '#kernel-ts/kernel/kernel.ts';
import { elfBytes } from '#kernel-ts/kernel/process/testing/elf-bytes.ts';
import { VECTOR } from '#kernel-ts/kernel/traps.ts';
import { createMachine, type LevitateMachine, type MachineSettings } from '#workbench/index.ts';
import { writeCpio } from '#scripts/guests/cpio.ts';
import '#workbench/testing.ts';

const INITRAMFS = readFileSync(new URL('../firmware/images/initramfs.cpio', import.meta.url));
const PROMPT = 'levitate> ';
/** SCTLR_EL1.nTWI and nTWE. */
const SCTLR_WAITS = 0x5_0000n;

/** A machine in its steady state, /init done. */
function booted(settings: MachineSettings): LevitateMachine {
  const machine = createMachine({ initrd: INITRAMFS, ...settings });
  expect(machine.run({ timeoutNs: 10e9 })).toMatchObject({ outcome: 'steady' });
  return machine;
}

/** The console's text from `line`, typed at the prompt, to the next prompt. */
function command(machine: LevitateMachine, line: string): string {
  const from = machine.serial.text.length;
  machine.type(`${line}\n`);
  expect(machine.run({ timeoutNs: machine.machine.clock.nowNs + 100e9 })).toMatchObject({ outcome: 'steady' });
  const text = machine.serial.text.slice(from);
  expect(text.startsWith(`${line}\n`), text).toBe(true);
  expect(text.endsWith(PROMPT), text).toBe(true);
  return text.slice(line.length + 1, -PROMPT.length);
}

/** Everything that processes take. It must be as before when they have ended. */
function holdings({ kernel }: LevitateMachine) {
  const memory = kernel.memory!;
  const { buddy, frames, heap, mmu } = memory;
  return {
    blocks: buddy.buddyinfo(),
    counts: buddy.counts(),
    held: PAGE_OWNERS.map((owner) => frames.held(owner)),
    heap: heap.stats(),
    tables: [mmu.pool.used, mmu.pool.fromAllocator],
    processes: kernel.userSpace?.processes(),
    faults: [...buddy.validate(), ...heap.validate(), ...memory.slab.validate()],
  };
}

const STEADY = /steady state: .*\n([^]*)levitate> $/;

describe.each(['qemu-virt', 'pixel6'])('%s', (board) => {
  let machine: LevitateMachine;
  beforeAll(() => {
    machine = booted({ board });
  });
  afterAll(() => {
    machine.close();
  });

  it('runs /init, which starts hello, waits for it and ends; then the console is the maintenance shell’s', () => {
    expect(STEADY.exec(machine.serial.text)?.[1]).toBe(
      [
        '[SPAWN] /init is pid 1',
        'init: user space runs, this is process 1',
        'hello from process 2',
        'init: hello, process 2, ended with status 0',
        'init: done',
        '[SPAWN] pid 1 (init) has ended, exit status 0',
        '',
      ].join('\n'),
    );
    expect(command(machine, 'ps')).toBe('no process\n');
  });

  it.each([
    ['wild', /data abort from EL0 on a write: translation fault.*\n.*FAR_EL1 0x00000000dead0000: in no area/],
    ['wtext', /data abort from EL0 on a write: permission fault, level 3\n.*its text may not be written/],
    ['xdata', /instruction abort from EL0: permission fault, level 3\n.*its data may not be executed/],
    ['undef', /unknown reason \(undefined instruction\)\n/],
    ['stack', /stack: 16 pages\n.*translation fault, level 3\n.*guard page below the stack/],
  ])('%s is ended with a report; the kernel lives on, and has everything back', (name, report) => {
    const before = holdings(machine);
    expect(command(machine, `run ${name}`)).toMatch(report);
    expect(holdings(machine)).toEqual(before);
    expect(before.faults).toEqual([]);
  });

  it('answers bad pointers with EFAULT and touches nothing', () => {
    const text = command(machine, 'run wild');
    expect(text.match(/: EFAULT\n/g)).toHaveLength(10);
    expect(text).toContain('wild: write across the end of the data: EFAULT\n');
    expect(text).toContain('wild: read into the kernel: EFAULT\n');
    expect(text).toContain('wild: read into the code: EFAULT\n');
  });

  it('lets processes that never wait take turns, and keeps x and q registers of each', () => {
    const lines = command(machine, 'run mixed').split('\n');
    const counts = lines.filter((line) => line.startsWith('count ')).map((line) => line.split(/[ :]+/)[1]);
    // Two counters: neither finishes before the other has begun.
    const [first, second] = [...new Set(counts)];
    expect(second).toBeDefined();
    expect(counts.indexOf(second)).toBeLessThan(counts.lastIndexOf(first));
    expect(lines.filter((line) => /^(regs|fpu) \d+: all kept$/.test(line))).toHaveLength(4);
    expect(lines).toContain('mixed: 6 of 6 ended with 0');
  });

  it('gives a heap out by demand up to its limit, and takes it back', () => {
    const before = holdings(machine);
    expect(command(machine, 'run eat')).toMatch(
      /^eat: 65536 KiB, then ENOMEM\neat: all of it unchanged, and given back\n/,
    );
    expect(holdings(machine)).toEqual(before);
  });

  it('has a user shell, which reads what is typed', () => {
    machine.type('run sh\necho hi  there\nhello\nnonsense\nwtext\nexit 3\n');
    machine.run({ timeoutNs: machine.machine.clock.nowNs + 10e9 });
    const session = machine.serial.text.slice(machine.serial.text.lastIndexOf('sh: type help'));
    expect(session).toMatch(/\$ echo hi {2}there\nhi {2}there\n/);
    expect(session).toMatch(/\$ hello\nhello from process \d+\n/);
    expect(session).toContain('sh: nonsense cannot be started: ENOENT\n');
    expect(session).toMatch(
      /wtext: exit status 292\n\$ exit 3\n\[SPAWN\] pid \d+ \(sh\) has ended, exit status 3\nlevitate> $/,
    );
  });
});

/** HLT #immediate, then exit (Arm ARM DDI 0487 K.a, C6.2). */
const haltProgram = (immediate: number): Uint8Array => {
  const MOV_X8_2 = 0xd280_0048;
  const SVC_0 = 0xd400_0001;
  const words = Uint32Array.of((0xd440_0000 | (immediate << 5)) >>> 0, MOV_X8_2, SVC_0);
  return elfBytes(0x1_0000n, [{ address: 0x1_0000n, bytes: new Uint8Array(words.buffer) }]);
};

it.each(['qemu-virt', 'pixel6'])('%s: a gate of the kernel is an undefined instruction for a program', (board) => {
  for (const gate of [GATE_KMAIN, GATE_VECTOR + VECTOR.synchronousEl0, GATE_VECTOR + VECTOR.irqEl1]) {
    const initrd = writeCpio([{ kind: 'file', path: 'init', mode: 0o755, content: haltProgram(gate) }]);
    const machine = booted({ board, initrd });
    expect(machine.serial.text).toMatch(
      /pid 1 \(init\) is ended: unknown reason \(undefined instruction\)\n.*ELR_EL1 0x0000000000010000.*ESR_EL1 0x02000000\n/,
    );
    expect(machine.serial.text.match(/Stage 1/g)).toHaveLength(1);
    expect(command(machine, 'ps')).toBe('no process\n');
    machine.close();
  }
});

it('10,000 spawns leave not a frame, a table, a heap block or a slab object behind', () => {
  const machine = booted({ board: 'qemu-virt' });
  const before = holdings(machine);
  for (let round = 0; round < 10; round++) {
    expect(command(machine, 'run spawns')).toContain('1000 children, 1000 ended with their own status\n');
  }
  expect(holdings(machine)).toEqual(before);
  expect(before.faults).toEqual([]);
  expect(machine.kernel.userSpace?.spawn('/init')).toMatchObject({ ok: true, pid: 10_013 });
  machine.close();
});

it('processes print the same on 1, 4 and 8 cores', () => {
  const runs = [1, 4, 8].map((cpus) => {
    const machine = booted({ board: 'qemu-virt', cpus });
    const texts = ['run mixed', 'run wild', 'run spawns'].map((line) => command(machine, line));
    const init = STEADY.exec(machine.serial.text.slice(0, machine.serial.text.indexOf('run mixed')))?.[1];
    machine.close();
    return { init, texts };
  });
  expect(runs[0]?.init).toContain('init: done');
  expect(runs[1]).toEqual(runs[0]);
  expect(runs[2]).toEqual(runs[0]);
});

it('a process that asks for more than there is fails its call, and the log says who holds what', () => {
  const machine = booted({ board: 'qemu-virt', memoryBytes: 64 * 2 ** 20 });
  const before = holdings(machine);
  const text = command(machine, 'run eat');
  expect(text).toMatch(
    /^\[PROC\] out of memory: pid 3 \(eat\), for sbrk\(262144\), asked for 64 frames \(order 0\): it would take the kernel's reserve\n/,
  );
  expect(text).toMatch(
    /\n\[PROC\] held by user \d+ \(\d+ \w+\), heap 4096 \(16 MiB\), .*\n\[PROC\] most user frames: pid 3 \(eat\) \d+\n/,
  );
  expect(text).toMatch(/\neat: \d+ KiB, then ENOMEM\neat: all of it unchanged, and given back\n/);
  expect(holdings(machine)).toEqual(before);
  machine.close();
});

describe('an initramfs that is not as it should be costs /init, not the boot', () => {
  it.each<[string, Uint8Array, RegExp]>([
    [
      'without /init',
      writeCpio([{ kind: 'file', path: 'other', mode: 0o755, content: Uint8Array.of(1) }]),
      /no \/init: the initramfs has no file \/init/,
    ],
    [
      'with a damaged /init',
      writeCpio([{ kind: 'file', path: 'init', mode: 0o755, content: new Uint8Array(300) }]),
      /no \/init: ELF: e_ident: /,
    ],
    ['cut short', INITRAMFS.subarray(0, 1000), /no \/init: initramfs: .* at offset 0x/],
    ['that is none', new Uint8Array(4096).fill(0x55), /no \/init: initramfs: no header/],
  ])('%s', (_what, initrd, reason) => {
    const machine = booted({ board: 'pixel6', initrd });
    expect(machine.serial.text).toMatch(reason);
    expect(machine.serial.text.endsWith(PROMPT)).toBe(true);
    machine.close();
  });
});

it('a process switches the machine off', () => {
  const machine = booted({ board: 'pixel6' });
  machine.type('run sh\npoweroff\n');
  expect(machine.run({ timeoutNs: 10e9 })).toMatchObject({ outcome: 'poweroff', exitStatus: 0 });
  machine.close();
});

/** Words of a program that ends with exit(0). */
function programOf(...words: readonly number[]): Uint8Array {
  const exit = [0xd280_0000, MOV_X8 | (2 << 5), SVC_0];
  const bytes = new Uint8Array(Uint32Array.of(...words, ...exit).buffer);
  const content = elfBytes(0x1_0000n, [{ address: 0x1_0000n, bytes }]);
  return writeCpio([{ kind: 'file', path: 'init', mode: 0o755, content }]);
}

/** Arm ARM DDI 0487 K.a, C6.2. */
const MOV_X8 = 0xd280_0008;
const SVC_0 = 0xd400_0001;
const WFE = 0xd503_205f;
const WFI = 0xd503_207f;

it.each(['qemu-virt', 'pixel6'])('%s: programs may wait for events and interrupts, whatever firmware says', (board) => {
  const machine = createMachine({ board, initrd: programOf(WFE, WFE, WFE, WFE, WFI) });
  const { engine } = machine.machine.cores[0]!;
  // At its entry, as from a firmware that has EL0's waits trapped.
  const register = SYSTEM_REGISTERS.SCTLR_EL1;
  for (let steps = 0; engine.getPc() < 0x4000_0000n && steps < 20_000; steps++) machine.runSlice(1);
  expect(engine.getPc()).toBeGreaterThanOrEqual(0x4000_0000n);
  engine.setSystemRegister(register, (engine.getSystemRegister(register) ?? 0n) & ~SCTLR_WAITS);
  expect(machine.run({ timeoutNs: 10e9 })).toMatchObject({ outcome: 'steady' });
  expect(machine.serial.text).toContain('pid 1 (init) has ended, exit status 0');
  machine.close();
});

it('shutdown(1) is a power-off that is told, no restart', () => {
  const machine = createMachine({
    board: 'qemu-virt',
    initrd: programOf(0xd280_0020, MOV_X8 | (8 << 5), SVC_0),
  });
  expect(machine.run({ timeoutNs: 10e9 })).toMatchObject({ outcome: 'poweroff', exitStatus: 0 });
  expect(machine.serial.text).toContain('[PROC] pid 1 (init) switches the machine off; processes: 1\n');
  expect(machine.serial.text.match(/Stage 1/g)).toHaveLength(1);
  machine.close();
});
