// SPDX-License-Identifier: GPL-2.0-only
/**
 * Snapshots: a restored machine continues like the saved one, to the byte and to the instruction. A
 * bad snapshot is refused with the reason.
 */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { saveMachine } from '#emulator/machine/machine-state.ts';
import { guestInitramfs } from '#scripts/guests/initramfs-file.ts';
import { InputError } from '#workbench/input-error.ts';
import { LevitateMachine, type MachineSettings } from '#workbench/machine/levitate-machine.ts';
import { machineDigest } from '#workbench/snapshot/digest.ts';
import { restoreMachine } from '#workbench/machine/restore-snapshot.ts';
import { boot } from './support/command.ts';
import { ENGINES_HERE } from './support/engines.ts';
import { bytesOf, foreignGuests } from './support/foreign-guest.ts';

const folder = mkdtempSync(join(tmpdir(), 'levitate-snapshots-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Results of a run that a second one must repeat. */
function ending(machine: LevitateMachine, events = 0) {
  const outcome = machine.run({ timeoutNs: 60e9 });
  const { clock } = machine.machine;
  const result = {
    outcome,
    instructions: clock.instructions,
    ticks: clock.ticks,
    serial: machine.serial.text,
    events: machine.events.events.slice(events),
    devices: saveMachine(machine.machine.parts).devices,
    // Memory and registers.
    digest: machineDigest(machine.machine, machine.serial.bytes),
  };
  machine.close();
  return result;
}

const linux = foreignGuests('linux-6.1', 'busybox');
const noLinux = typeof linux === 'string';

describe.skipIf(noLinux).each([1, 2])(`Linux 6.1 on qemu-virt, cores: %i${noLinux ? ` (${linux})` : ''}`, (cpus) => {
  const disk = join(folder, `disk-${cpus}.img`);
  /** Input and output on the disk, then an end. */
  const WORK =
    'echo wri""ting; dd if=/dev/zero of=/dev/vda bs=4k count=200 conv=fsync 2>/dev/null; md5sum /dev/vda; poweroff -f\n';
  const PROMPT = '/root # ';
  const WRITING = 'writing\r\n';
  let settings: MachineSettings;
  let whole: ReturnType<typeof ending>;
  let whileWriting: Uint8Array;
  let eventsBefore = 0;
  let stoppedBy = '';
  const answer = (machine: LevitateMachine): LevitateMachine => {
    machine.serial.watch(PROMPT, () => machine.type(WORK));
    return machine;
  };

  beforeAll(() => {
    writeFileSync(disk, Buffer.alloc(1024 * 1024, 'as the test made it; '));
    settings = {
      board: 'qemu-virt',
      cpus,
      kernel: bytesOf(linux[0] as string),
      initrd: guestInitramfs(linux[1] as string),
      append: 'console=ttyAMA0',
      drives: [{ file: disk, mode: 'overlay' }],
      seed: 7,
      trace: ['psci'],
    };
    const saved = answer(new LevitateMachine(settings));
    saved.serial.watch(WRITING, () => saved.machine.stop());
    stoppedBy = saved.run({ timeoutNs: 60e9 }).reason;
    // Some requests later.
    saved.run({ timeoutNs: saved.machine.clock.nowNs + 3e6 });
    whileWriting = saved.save();
    eventsBefore = saved.events.events.length;
    whole = ending(saved);
  });

  it('powers off when nobody saves it', () => {
    expect(whole.outcome).toMatchObject({ outcome: 'poweroff', exitStatus: 0 });
    expect(whole.serial).toMatch(/[0-9a-f]{32} {2}\/dev\/vda/);
  });

  // Before the second core is on, and with everything up.
  it.each([cpus === 1 ? 350e6 : 2e6])('goes on alike from %d ns', (ns) => {
    const saved = new LevitateMachine(settings);
    saved.run({ timeoutNs: ns });
    const snapshot = saved.save();
    const restored = restoreMachine(snapshot);
    // Nothing was executed to get there.
    expect(restored.machine.clock.ticks).toBe(saved.machine.clock.ticks);
    expect(saveMachine(restored.machine.parts)).toEqual(saveMachine(saved.machine.parts));
    const before = saved.events.events.length;
    saved.close();
    const known = restored.events.events.length;
    const rest = ending(answer(restored), known);
    expect({ ...rest, events: [...whole.events.slice(0, before), ...rest.events] }).toEqual(whole);
  });

  it('goes on alike from the middle of its work with the disk, which is not written to', () => {
    expect(stoppedBy).toBe('was interrupted');
    const restored = restoreMachine(whileWriting);
    const rest = ending(restored, restored.events.events.length);
    expect(rest).toEqual({ ...whole, events: whole.events.slice(eventsBefore) });
  });

  it('is refused when its disk has changed', () => {
    const saved = new LevitateMachine(settings);
    const snapshot = saved.save();
    saved.close();
    writeFileSync(disk, Buffer.alloc(1024 * 1024, 'changed'));
    expect(() => restoreMachine(snapshot)).toThrow(/its drive .*disk-\d\.img has changed since/);
    rmSync(disk);
    expect(() => restoreMachine(snapshot)).toThrow(/its drive .* cannot be read \(ENOENT\)/);
  });
});

const uBoot = foreignGuests('u-boot');
const noUBoot = typeof uBoot === 'string';

describe.skipIf(noUBoot)(`U-Boot at its prompt${noUBoot ? ` (${uBoot})` : ''}`, () => {
  let atPrompt: LevitateMachine;
  let snapshot: Uint8Array;
  beforeAll(() => {
    atPrompt = new LevitateMachine({ board: 'qemu-virt', bios: bytesOf(uBoot[0] as string), expectText: '\r\n=> ' });
    atPrompt.serial.watch('Hit any key', () => atPrompt.type(' '));
    atPrompt.run({ timeoutNs: 20e9 });
    snapshot = atPrompt.save();
  });

  it('answers a command as the one that was saved does', () => {
    const restored = restoreMachine(snapshot);
    for (const machine of [atPrompt, restored]) machine.type('md.b 0 40; protect off 1:0; erase 1:1; poweroff\n');
    const { outcome: _, ...rest } = ending(atPrompt, atPrompt.events.events.length);
    const { outcome, ...again } = ending(restored, restored.events.events.length);
    expect(outcome).toMatchObject({ outcome: 'poweroff' });
    expect(again).toEqual(rest);
    expect(again.serial).toContain('poweroff ...');
  });

  it('goes on with the engine that ran it, whatever the shell says then', () => {
    vi.stubEnv('LEVITATE_ENGINE', 'wasm');
    const saved = new LevitateMachine({ board: 'qemu-virt', bios: bytesOf(uBoot[0] as string) });
    saved.run({ timeoutNs: 1e6 });
    const ofOwnCore = saved.save();
    vi.unstubAllEnvs();
    const { parts } = saved;
    expect(parts.engineLibrary).toBeNull();
    saved.close();
    const restored = restoreMachine(ofOwnCore);
    expect(restored.parts.engineLibrary).toBeNull();
    restored.close();
  });

  it('finds a text in what comes after, not in what was there', () => {
    const restored = restoreMachine(snapshot, { expectText: '=> ', failText: 'Hit any key' });
    expect(restored.run({ timeoutNs: restored.machine.clock.nowNs + 1e6 })).toMatchObject({ outcome: 'limit' });
    restored.type('\n');
    expect(restored.run({ timeoutNs: 60e9 })).toMatchObject({ outcome: 'expected' });
    restored.close();
  });
});

describe.each(ENGINES_HERE)('a guest in a loop, on %s', (engine) => {
  // subs x0, x0, #1; ldr x1, [x2]; adds x3, x3, x0; b subs
  const LOOP = [0xf100_0400, 0xf940_0041, 0xab00_0063, 0x17ff_fffd];

  it.each([1, 2, 3, 5000, 5001])('is saved as the same bytes when it is restored after %i instructions', (count) => {
    const kernel = new Uint8Array(Uint32Array.from(LOOP).buffer);
    const saved = new LevitateMachine({ board: 'qemu-virt', engine, kernel });
    saved.run({ maxInstructions: count });
    const snapshot = saved.save();
    const restored = restoreMachine(snapshot);
    expect(saveMachine(restored.machine.parts)).toEqual(saveMachine(saved.machine.parts));
    saved.close();
    restored.close();
  });
});

describe('the modelled kernel', () => {
  it.each(['pixel6', 'qemu-virt'])('on %s is run again to the same instruction, and goes on alike', (board) => {
    for (const ns of [10_000, 1e9]) {
      const saved = new LevitateMachine({ board });
      saved.run({ timeoutNs: ns });
      saved.type('run hello\n');
      saved.run({ maxInstructions: saved.machine.clock.instructions + 500 });
      const restored = restoreMachine(saved.save());
      expect(restored.machine.clock.ticks).toBe(saved.machine.clock.ticks);
      restored.type('run hello\n');
      saved.type('run hello\n');
      const events = saved.events.events.length;
      expect(ending(restored, events)).toEqual(ending(saved, events));
    }
  });

  it('is typed to at the same byte where the typing hung on what was sent', () => {
    const saved = new LevitateMachine({ board: 'qemu-virt' });
    saved.serial.watch('levitate> ', () => saved.type('run hello\n'));
    saved.run({ timeoutNs: 10e9 });
    const restored = restoreMachine(saved.save());
    expect(restored.serial.text).toBe(saved.serial.text);
    expect(restored.serial.text).toContain('hello from process');
    saved.close();
    restored.close();
  });

  it('is refused when it was changed by hand', () => {
    const saved = new LevitateMachine({ board: 'qemu-virt' });
    saved.run({ timeoutNs: 20_000 });
    saved.memory.write32(saved.memory.banks[0]?.base ?? 0, 0xdead_beef);
    const snapshot = saved.save();
    saved.close();
    expect(() => restoreMachine(snapshot)).toThrow(/run again to the same instruction and is not in the same state/);
  });
});

describe('a file that is no good', () => {
  const snapshot = (): Uint8Array => {
    const machine = new LevitateMachine({ board: 'qemu-virt' });
    machine.run({ timeoutNs: 20_000 });
    const bytes = machine.save();
    machine.close();
    return bytes;
  };

  it('with any one byte changed is refused, with the reason', () => {
    const good = snapshot();
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const bad = good.slice();
        bad[at] = (bad[at] ?? 0) ^ change;
        expect(() => restoreMachine(bad, { name: '--restore x.snap' })).toThrow(
          /^--restore x\.snap: (not a snapshot|a snapshot of version \d+; this emulator reads|cut short: |damaged: )/,
        );
      }),
      { numRuns: 300 },
    );
  });

  it('cut short anywhere, or with something after it, is refused', () => {
    const good = snapshot();
    fc.assert(
      fc.property(fc.nat(good.length - 1), (length) => {
        expect(() => restoreMachine(good.subarray(0, length))).toThrow(/^snapshot: (not a snapshot|cut short: )/);
      }),
    );
    expect(() => restoreMachine(Buffer.concat([good, Buffer.of(0)]))).toThrow(/^snapshot: damaged: /);
  });

  it('of another kind is refused', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(() => restoreMachine(bytes)).toThrow(InputError);
      }),
    );
  });
});

describe('a machine that cannot go on', () => {
  it('is not saved', () => {
    const machine = new LevitateMachine({ board: 'qemu-virt' });
    machine.serial.watch('levitate> ', () => machine.type('poweroff\n'));
    machine.run({ timeoutNs: 10e9 });
    expect(() => machine.save()).toThrow(/this machine was switched off; save it earlier/);
    machine.close();
  });
});

describe('the command line', () => {
  const file = join(folder, 'boot.snap');

  it('saves where --at says and goes on from there, with the rest of the serial line and of the log', () => {
    const [wholeSerial, restSerial, wholeLog, restLog] = ['s', 'r', 'l', 'm'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
      string,
    ];
    const saved = boot('--board', 'pixel6', '--save', file, '--at', '20us', '--serial', wholeSerial, '--log', wholeLog);
    expect(saved.stderr).toMatch(/^boot: saved \S+, \d+ bytes, at 20,0\d\d ns, [\d,]+ instructions$/m);
    const restored = boot('--restore', file, '--serial', restSerial, '--log', restLog);
    expect(restored).toMatchObject({ status: 0 });
    expect(restored.stderr).toMatch(/^boot: goes on at 20,0\d\d ns/);
    const [whole, rest] = [readFileSync(wholeSerial, 'utf8'), readFileSync(restSerial, 'utf8')];
    expect(rest.length).toBeLessThan(whole.length);
    expect(whole.endsWith(rest)).toBe(true);
    expect(restored.stdout.toString()).toBe(rest);
    const [, ...events] = readFileSync(restLog, 'utf8').trim().split('\n');
    expect(events.length).toBeGreaterThan(5);
    expect(readFileSync(wholeLog, 'utf8').trim().split('\n').slice(-events.length)).toEqual(events);
  });

  it.each([
    [['--restore', file, '--board', 'pixel6'], /the machine is that of the snapshot; leave out --board$/],
    [['--restore', file, '--flip-bit', '0x80000000.1@1ms'], /leave out --flip-bit$/],
    [['--restore', '/dev/null'], /^boot: --restore \/dev\/null: it is a device; a file is wanted$/],
    [['--restore', 'package.json'], /^boot: --restore package.json: not a snapshot, which "boot --save FILE" writes$/],
    [['--board', 'pixel6', '--at', '1s'], /--at 1s says when a snapshot is saved: it goes with --save FILE$/],
    [
      ['--board', 'pixel6', '--save', file, '--at', 'soon'],
      /--at soon: write a simulated time .* or a number of executed instructions$/,
    ],
    [
      ['--board', 'pixel6', '--save', join(folder, 'x'), '--at', '9s'],
      /the run ended before --at, .* nothing was saved$/,
    ],
    [['--board', 'pixel6', '--save', join(folder, 'no', 'x')], /cannot be written: its folder does not exist$/],
  ])('%j is refused with the reason', (args, reason) => {
    const { status, stderr } = boot('--quiet', ...args);
    expect(stderr.trim()).toMatch(reason);
    expect(status).toBe(2);
  });
});
