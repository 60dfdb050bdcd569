// SPDX-License-Identifier: GPL-2.0-only
/**
 * A kernel that dies before its console works. The serial line is silent, so the outcome's reason,
 * which the command writes to stderr, names the exception.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { boards } from '#boards/registry.ts';
import { createMachine } from '#workbench/index.ts';
import type { LevitateMachine } from '#workbench/machine/levitate-machine.ts';
import { bootCommand, commandEnvironment, kernelSymbol, packageWithKernel } from './support/command.ts';
import { HANG_GUARD_MS } from './support/hang-guard.ts';
import { BRANCH_TO_SELF } from './support/planted-code.ts';

/** Instructions: Arm ARM DDI 0487 K.a, C6.2. */
const UDF = 0;

const EARLY_CONSOLE = kernelSymbol('early_console');
const START = kernelSymbol('_start');

/** A branch from `_start` to cpu_park. */
const TO_PARK = BRANCH_TO_SELF + ((kernelSymbol('cpu_park') - START) >>> 2);

describe.each(boards.map(({ name }) => name))('on %s', (board) => {
  let machine: LevitateMachine;
  afterEach(() => machine.close());

  it.each<[string, number, bigint | number, RegExp]>([
    [
      'a console that is not mapped',
      EARLY_CONSOLE,
      0n,
      /^the kernel panicked: Unexpected synchronous exception from EL1 \(its console is silent\): data abort on a (?:read|write): translation fault.*ESR_EL1 0x9600000[5-7], FAR_EL1 0xffff80.*, ELR_EL1 0xffff80/,
    ],
    [
      'an undefined instruction before there are vectors',
      START,
      UDF,
      /^core 0 cannot execute its own exception vector at 0x200; its first exception: ESR 0x2000000, ELR 0x[0-9a-f]+, at unallocated, or data \(00000000\)$/,
    ],
    ['a core that is taken for another one', START, TO_PARK, /^stands still at PC 0x/],
  ])('%s is told', (_what, offset, word, reason) => {
    machine = createMachine({ board });
    const address = (machine.findImage('kernel')?.base ?? 0) + offset;
    if (typeof word === 'bigint') machine.memory.write64(address, word);
    else machine.memory.write32(address, word);
    const outcome = machine.run({ timeoutNs: 1e9 });
    // Only the firmware's own line, wherever the board's reset vector is.
    expect(machine.serial.lines).toEqual([expect.stringContaining(`[FW] ${board}: `)]);
    expect(outcome).toMatchObject({ exitStatus: 1, reason: expect.stringMatching(reason) });
  });
});

describe('the command', () => {
  const folder = mkdtempSync(join(tmpdir(), 'levitate-early-'));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('says ESR, FAR and PC on stderr and ends with status 1', () => {
    packageWithKernel(folder, '_start', UDF);
    const { status, stderr } = spawnSync(process.execPath, [...bootCommand(folder), '--board', 'qemu-virt'], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: commandEnvironment(),
      encoding: 'utf8',
      timeout: HANG_GUARD_MS,
    });
    expect(stderr).toMatch(/its first exception: ESR 0x2000000, ELR 0x40080048/);
    expect(status).toBe(1);
  });
});
