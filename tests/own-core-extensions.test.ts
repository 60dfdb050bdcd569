// SPDX-License-Identifier: GPL-2.0-only
/**
 * Extensions of Armv8.1 and 8.2 on the own core as a Cortex-A55, A76 and X1, as guest code sees
 * them (firmware/guests/extensions.S), compared with QEMU 7.2's text for the same guest on a
 * Cortex-A76. a64-simd.test.ts tests single instructions of FP16, RDM and DotProd.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { a64Cores } from '#emulator/a64/cores.ts';
import { coreTypeOf } from '#emulator/a64/core-types.ts';
import { CPU_TYPES } from '#boards/cpu-types.ts';
import { LevitateMachine } from '#workbench/machine/levitate-machine.ts';
import { packageRoot } from '#workbench/package-root.ts';
import { bootGuest, type Guest } from './support/guest-machine.ts';
import { qemuVersion, runInQemu } from './support/qemu-transcript.ts';

const kept = readFileSync(join(packageRoot(), 'tests', 'transcripts', 'extensions.qemu-7.2.txt'), 'utf8');

let open: Guest | null = null;
afterEach(() => {
  open?.machine.close();
  open = null;
});

describe('a guest that uses extensions of Armv8.1 and 8.2', () => {
  it.each([
    ['cortex-a55', Infinity],
    ['cortex-a76', 0],
    ['cortex-x1', Infinity],
  ] as const)('sees what it sees on QEMU, on a %s, translated after %d', (cpuType, hotAfter) => {
    open = bootGuest('extensions', { cpuType, cores: a64Cores({ hotAfter }) });
    expect(open.run()).toEqual({ kind: 'power off' });
    expect(open.serial.text.replaceAll('\r', '')).toBe(kept);
  });

  it.skipIf(qemuVersion() !== '7.2')('is what QEMU prints today', async () => {
    expect(await runInQemu('extensions', 'virt,secure=on,virtualization=on', 'done\n', 'cortex-a76')).toBe(kept);
  });
});

describe('the type of a core', () => {
  it.each(Object.values(CPU_TYPES))('is what MIDR_EL1 says: $name', ({ name, midr, isArmv82 }) => {
    const type = coreTypeOf(midr);
    expect([type.name, type.has('LSE')]).toEqual([name, isArmv82]);
  });
});

describe('--cpu with a type of Armv8.2', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it('takes the own core, and boots the modelled kernel', () => {
    vi.stubEnv('LEVITATE_ENGINE', '');
    const machine = new LevitateMachine({ board: 'qemu-virt', cpuType: 'cortex-x1' });
    expect(machine.cpu.engine.version).toBe('A64 to WebAssembly');
    expect(machine.run().outcome).toBe('steady');
    expect(machine.serial.text).toContain('MIDR 0x411fd440');
    machine.close();
  });

  it('is refused with Unicorn, which says what to do', () => {
    expect(() => new LevitateMachine({ board: 'qemu-virt', cpuType: 'cortex-a76', engine: 'unicorn' })).toThrow(
      "--cpu cortex-a76: Unicorn's cores are Cortex-A72, without the extensions of Armv8.2; use --engine wasm",
    );
  });
});
