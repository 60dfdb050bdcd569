// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import { Bus } from '#emulator/bus/bus.ts';
import { GS101_SMC_PMU_REGISTER, gs101PmuCall } from '#emulator/psci/gs101-smc.ts';
import { RecordingContext } from './testing/test-context.ts';
import { Gs101Pmu } from './gs101-pmu.ts';

const BASE = 0x1746_0000;
const WINDOW = { base: BASE, size: 0x1_0000 };
const [SET, CLEAR] = [0xc000, 0x8000] as const;
const [SYSTEM_CONFIGURATION, PWR_HOLD] = [0x3a00, 0x3e9c] as const;

const make = () => {
  const requests: string[] = [];
  const pmu = new Gs101Pmu({
    name: 'pmu',
    context: new RecordingContext(),
    resetValues: new Map([[0x3e80, 0x5]]),
    onReset: () => requests.push('reset'),
    onPowerOff: () => requests.push('off'),
  });
  const bus = new Bus();
  bus.attach({ name: 'pmu', ...WINDOW, device: pmu });
  const call = (offset: number, operation: bigint, first = 0n, second = 0n) =>
    gs101PmuCall(bus, WINDOW, [BigInt(BASE + offset), operation, first, second]);
  return { pmu, bus, requests, call };
};

describe('Gs101Pmu', () => {
  it('remembers, and starts with its reset values', () => {
    const { pmu } = make();
    pmu.write(0x810, 4, 0xfc);
    expect([pmu.read(0x810, 4), pmu.read(0x3e80, 4), pmu.read(PWR_HOLD, 4)]).toEqual([0xfc, 5, 0x100]);
    pmu.reset();
    expect(pmu.read(0x810, 4)).toBe(0);
  });

  it('changes single bits through its windows', () => {
    const { pmu } = make();
    pmu.write(SET | 0x1000, 4, 31);
    pmu.write(SET | 0x1000, 4, 0);
    pmu.write(SET | 0x1000, 4, 0);
    expect(pmu.read(0x1000, 4)).toBe(0x8000_0001);
    pmu.write(CLEAR | 0x1000, 4, 31);
    pmu.write(CLEAR | 0x1000, 4, 7);
    expect([pmu.read(0x1000, 4), pmu.read(SET | 0x1000, 4)]).toEqual([1, 0]);
  });

  it.each([
    ['a write', (pmu: Gs101Pmu) => pmu.write(SYSTEM_CONFIGURATION, 4, 2)],
    ['the window', (pmu: Gs101Pmu) => pmu.write(SET | SYSTEM_CONFIGURATION, 4, 1)],
  ])('asks for a reset when SWRESET is set by %s', (_name, act) => {
    const { pmu, requests } = make();
    pmu.write(SYSTEM_CONFIGURATION, 4, 1);
    expect(requests).toEqual([]);
    act(pmu);
    expect(requests).toEqual(['reset']);
  });

  it.each([
    ['a write', (pmu: Gs101Pmu) => pmu.write(PWR_HOLD, 4, 0)],
    ['the window', (pmu: Gs101Pmu) => pmu.write(CLEAR | PWR_HOLD, 4, 8)],
  ])('asks for power off when PWR_HOLD is released by %s', (_name, act) => {
    const { pmu, requests } = make();
    act(pmu);
    act(pmu);
    expect(requests).toEqual(['off']);
  });
});

describe('gs101PmuCall', () => {
  it('has the number that Linux calls', () => {
    expect(GS101_SMC_PMU_REGISTER).toBe(0x8200_0504);
  });

  it('writes, reads, and changes the bits of a mask', () => {
    const { call, pmu } = make();
    expect(call(0x4000, 1n, 0xffff_ffff_1234_5678n)).toBe(0n);
    expect(call(0x4000, 0n)).toBe(0x1234_5678n);
    expect(call(0x4000, 2n, 0xff00_00ffn, 0xabab_ababn)).toBe(0n);
    expect(pmu.read(0x4000, 4)).toBe(0xab34_56ab);
  });

  it('reboots as Linux does: by the window, through the call', () => {
    const { call, requests } = make();
    expect(call(SET | SYSTEM_CONFIGURATION, 1n, 1n)).toBe(0n);
    expect(requests).toEqual(['reset']);
  });

  it.each([
    ['below the unit', -4, 1n],
    ['after it', 0x1_0000, 1n],
    ['unaligned', 2, 1n],
    ['an unknown operation', 0, 3n],
  ])('answers -EINVAL: %s', (_name, offset, operation) => {
    expect(make().call(offset, operation)).toBe(-22n);
  });

  it('answers -EINVAL for any address that is not the unit', () => {
    const { bus } = make();
    expect(gs101PmuCall(bus, WINDOW, [2n ** 64n - 4n, 0n, 0n, 0n])).toBe(-22n);
  });
});
