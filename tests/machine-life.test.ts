// SPDX-License-Identifier: GPL-2.0-only
/**
 * The end of a machine: closed twice, closed by its own listeners, used afterwards. No path leads
 * to memory that is free.
 */

import { describe, expect, it } from 'vitest';
import type { CpuEngine } from '#emulator/engine/engine.ts';
import { MachineTarget } from '#emulator/debug/machine-target.ts';
import { createMachine, type LevitateMachine, MachineClosedError } from '#workbench/index.ts';
import { explainTables } from '#workbench/explain/tables.ts';
import { ENGINE_VERSION, isOwnCore } from './support/engines.ts';

const BOARD = { board: 'qemu-virt' };

/** A machine that has booted and is closed. */
function closed(): LevitateMachine {
  const machine = createMachine(BOARD);
  machine.run();
  machine.close();
  return machine;
}

/** The engine's functions for the core around it. The own core has no engine. */
const engineUses: readonly (readonly [string, (engine: CpuEngine) => unknown])[] = isOwnCore
  ? []
  : [
      ['engine.run()', (engine) => engine.run(1)],
      ['engine.executed', (engine) => engine.executed],
    ];

describe('a closed machine', () => {
  it('may be closed again', () => {
    const machine = closed();
    machine.close();
    machine.machine.close();
    machine.cpu.engine.close();
    expect(machine.machine.isClosed).toBe(true);
  });

  it('can still be read: text, events, memory, also memory that was never touched', () => {
    const machine = closed();
    expect(machine.serial.text).toContain('Stage 5');
    expect(machine.events.get('stage')).toHaveLength(5);
    expect(machine.memory.read32(machine.findImage('kernel')?.base ?? 0)).toBeGreaterThan(0);
    expect(machine.memory.read64(0x7fff_0000)).toBe(0n);
    machine.memory.write64(0x7000_0000, 5n);
    expect(machine.memory.read64(0x7000_0000)).toBe(5n);
    expect(machine.cpu.engine.version).toContain(ENGINE_VERSION);
  });

  const uses: readonly [string, (machine: LevitateMachine) => unknown][] = [
    ['run()', (machine) => machine.run()],
    ['runSlice()', (machine) => machine.runSlice(1)],
    ['type()', (machine) => machine.type('x')],
    ['save()', (machine) => machine.save()],
    ['machine.run()', (machine) => machine.machine.run()],
    ['machine.reset()', (machine) => machine.machine.reset(0)],
    ['engine.getPc()', (machine) => machine.cpu.engine.getPc()],
    ['engine.setX()', (machine) => machine.cpu.engine.setX(0, 1n)],
    ...engineUses.map<[string, (machine: LevitateMachine) => unknown]>(
      ([what, use]) => [what, (machine: LevitateMachine) => use(machine.cpu.engine as CpuEngine)] as const,
    ),
    ['engine.stop()', (machine) => machine.cpu.engine.stop()],
    ['engine.mapMemory()', (machine) => machine.cpu.engine.mapMemory(0, new Uint8Array(4096), 'rwx')],
    ['engine.watchCode()', (machine) => machine.cpu.engine.watchCode(0n, () => {})],
    ['cpu.level', (machine) => machine.cpu.level],
    [
      'a debugger',
      (machine) =>
        new MachineTarget({ machine: machine.machine, run: () => null, checkpoint: () => null }, () =>
          expect.unreachable(),
        ).step(0),
    ],
    ['an explanation', (machine) => explainTables(machine)],
  ];

  it.each(uses)('refuses %s', (_what, use) => {
    expect(() => use(closed())).toThrow(MachineClosedError);
  });

  it('gives what was asked for before: a watch may be ended, once and again', () => {
    const machine = createMachine(BOARD);
    const { engine } = machine.cpu;
    const end = engine.watchCode(0n, () => {});
    const twice = engine.watchMemory(0x4000_0000, 0x4000_1000, () => {});
    twice();
    twice();
    machine.run();
    machine.close();
    expect(() => [end(), end()]).not.toThrow();
  });

  it('does not disturb the machines that come after it, whatever is done to it', () => {
    const expected = closed().serial.text;
    const old = closed();
    const machine = createMachine(BOARD);
    for (const [, use] of uses) expect(() => use(old)).toThrow(MachineClosedError);
    machine.run();
    expect(machine.serial.text).toBe(expected);
    machine.close();
  });
});

/** Callbacks in which a caller's function runs while the machine runs. */
const listeners: readonly [string, (machine: LevitateMachine, act: () => void) => void][] = [
  ['an event listener', (machine, act) => machine.events.subscribe(act, 'stage')],
  ['a listener of bytes', (machine, act) => machine.serial.onBytes(act)],
  ['a listener of lines', (machine, act) => machine.serial.onLine(act)],
  ['a text that appears', (machine, act) => machine.serial.watch('Stage 2', act)],
  ['the firmware\u2019s first line', (machine, act) => machine.serial.watch('[FW]', act)],
  ['a moment of simulated time', (machine, act) => machine.machine.after(1000, act)],
  [
    'code that is reached',
    (machine, act) => machine.cpu.engine.watchCode(BigInt(machine.findImage('kernel')?.base ?? 0), act),
  ],
  ['memory that is touched', (machine, act) => machine.memory.onChunk(act)],
];

describe.each(listeners)('%s', (_what, listen) => {
  /** Calls `act` when the machine runs and never before. */
  const during = (act: (machine: LevitateMachine) => void): LevitateMachine => {
    const machine = createMachine(BOARD);
    let running = false;
    listen(machine, () => {
      if (running) act(machine);
    });
    running = true;
    return machine;
  };

  it('may close the machine: the run ends, and then it is closed', () => {
    let calls = 0;
    const machine = during((own) => {
      calls++;
      own.close();
      own.close();
    });
    const outcome = machine.run({ timeoutNs: 1e9 });
    expect(calls).toBeGreaterThan(0);
    expect(outcome).toMatchObject({ outcome: 'limit', reason: 'was interrupted' });
    expect(() => machine.run()).toThrow(MachineClosedError);
  });

  it.each<[string, (machine: LevitateMachine) => unknown]>([
    ['run()', (machine) => machine.run()],
    ['save()', (machine) => machine.save()],
  ])('is refused %s, and the run goes on', (_use, use) => {
    const refusals: string[] = [];
    const machine = during((own) => {
      if (refusals.length > 0) return;
      try {
        use(own);
        refusals.push('it was not refused');
      } catch (error) {
        refusals.push(String(error));
      }
    });
    expect(machine.run({ timeoutNs: 1e9 }).outcome).toBe('steady');
    expect(refusals).toEqual([expect.stringMatching(/^EngineError: .* inside a run: a listener cannot do that/)]);
    machine.close();
  });
});

describe('the engine itself, asked from inside', () => {
  it.each<readonly [string, (engine: CpuEngine) => unknown]>([
    ...engineUses.slice(0, 1),
    ['engine.close()', (engine) => engine.close()],
  ])('refuses %s, and the run goes on', (_use, use) => {
    const machine = createMachine(BOARD);
    const refusals: string[] = [];
    const end = machine.cpu.engine.watchCode(BigInt(machine.findImage('kernel')?.base ?? 0), () => {
      try {
        use(machine.cpu.engine as CpuEngine);
      } catch (error) {
        refusals.push(String(error));
      }
      // A watch may be ended by its own callback.
      end();
    });
    expect(machine.run({ timeoutNs: 1e9 }).outcome).toBe('steady');
    expect(refusals).toEqual([expect.stringMatching(/^EngineError: the engine .* by what runs inside it/)]);
    machine.close();
  });
});

describe('memory that the engine uses', () => {
  it('cannot be given away', () => {
    const machine = createMachine(BOARD);
    const chunk = machine.memory.touch(0x4000_0000);
    // Node refuses, or gives a copy.
    try {
      structuredClone(chunk?.bytes.buffer, { transfer: [chunk?.bytes.buffer as ArrayBuffer] });
    } catch (error) {
      expect(error).toMatchObject({ name: 'DataCloneError' });
    }
    expect(chunk?.bytes.length).toBe(machine.memory.chunkBytes);
    expect(machine.run().outcome).toBe('steady');
    machine.close();
  });
});
