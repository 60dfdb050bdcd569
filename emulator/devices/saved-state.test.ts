// SPDX-License-Identifier: GPL-2.0-only
/**
 * Every model, saved after any accesses and restored into a fresh one, has the same state and
 * answers the same from then on.
 */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AccessWidth, Device } from '#emulator/bus/device.ts';
import { PhysicalMemory } from '#emulator/memory/physical-memory.ts';
import { differenceOfShape, type SavedState, type Stateful } from '#emulator/bus/saved-state.ts';
import { TimedContext } from './testing/test-clock.ts';
import { GicV2 } from './gic/gicv2.ts';
import { GicV3 } from './gic/gicv3.ts';
import { createDevice, MODEL_KEYS, type ModelKey } from './registry.ts';
import { MemoryBackend } from './virtio/testing/memory-backend.ts';
import { VirtioBlock } from './virtio/virtio-block.ts';
import { VirtioEntropy } from './virtio/virtio-entropy.ts';
import type { VirtioModel } from './virtio/virtio-model.ts';

const SIZE = 0x10_0000;
const RAM = { base: 0x4000_0000, size: 0x1_0000 };

/** An action on a device. */
type Step =
  | { readonly what: 'access'; readonly offset: number; readonly value: number | null }
  | { readonly what: 'time'; readonly ns: number };

/** Offsets where models have their registers; several of them often. */
const offsets = fc.oneof(
  fc.nat(7).map((n) => 4 * n),
  fc.nat(0x40).map((n) => 4 * n),
  fc.nat(0x2c0).map((n) => 4 * n),
  fc.constantFrom(0x7000, 0x3a00, 0x3e9c, 0xb700, 0xc100),
);
const values = fc.oneof(
  fc.nat(0xffff_ffff),
  fc.nat(0xff),
  fc.constantFrom(0x301, 0x101, 0x1ff, 0x2f, 0xd0, 0xe8, 0x40),
);
const steps = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ what: fc.constant('access' as const), offset: offsets, value: fc.option(values) }),
    },
    { weight: 1, arbitrary: fc.record({ what: fc.constant('time' as const), ns: fc.nat(3_000_000) }) },
  ),
  { maxLength: 40 },
);

/** Reads of the first registers, which show state that was not saved. */
const SWEEP: readonly Step[] = Array.from({ length: 32 }, (_, n) => ({ what: 'access', offset: 4 * n, value: null }));

/** A device and its surroundings. */
interface Subject {
  readonly devices: readonly Device[];
  readonly state: Stateful;
  readonly context: TimedContext;
}

/** Does the steps and tells what could be seen from outside. */
function perform({ devices, context }: Subject, list: readonly Step[]): unknown[] {
  const seen: unknown[] = [];
  for (const step of list) {
    if (step.what === 'time') {
      context.advance(step.ns);
      seen.push(context.irq);
      continue;
    }
    for (const device of devices) {
      try {
        const width: AccessWidth = 4;
        if (step.value === null) seen.push(device.read(step.offset, width));
        else device.write(step.offset, width, step.value);
      } catch (error) {
        seen.push((error as Error).message);
      }
    }
    seen.push(context.irq);
  }
  return seen;
}

/** @throws an Error of fast-check's with the smallest steps after which something differs */
function checkRoundTrips(make: () => Subject): void {
  fc.assert(
    fc.property(steps, steps, (before, after) => {
      const saved = make();
      perform(saved, before);
      const restored = make();
      restored.context.advance(saved.context.nowNs());
      const state: SavedState = saved.state.saveState();
      expect(differenceOfShape(state, restored.state.saveState())).toBeNull();
      restored.state.restoreState(state);
      restored.context.irq = saved.context.irq;
      expect(restored.state.saveState()).toEqual(state);
      const rest = [...after, ...SWEEP];
      expect(perform(restored, rest)).toEqual(perform(saved, rest));
      expect(restored.state.saveState()).toEqual(saved.state.saveState());
    }),
    { numRuns: 60 },
  );
}

const plugged: Readonly<Record<string, () => VirtioModel>> = {
  block: () => new VirtioBlock(new MemoryBackend(new Uint8Array(4096))),
  entropy: () => new VirtioEntropy(5n),
};

const made = (key: ModelKey, virtio?: VirtioModel): Subject => {
  const context = new TimedContext();
  const host = {
    timers: context,
    memory: new PhysicalMemory([RAM]),
    setLine: (line: number, level: boolean) => {
      context.irqChanges.push(level);
      context.irq = context.irq !== (level && line % 2 === 0);
    },
    ...(virtio === undefined ? {} : { virtio }),
  };
  const device = createDevice(key, { name: key, base: 0, size: SIZE }, context, host);
  return { devices: [device], state: device, context };
};

describe('a model that is saved and restored goes on as before', () => {
  it.each(MODEL_KEYS.map((key) => [key]))('%s', (key) => {
    expect(() => checkRoundTrips(() => made(key))).not.toThrow();
  });

  it.each(Object.keys(plugged))('virtio-mmio with %s', (name) => {
    expect(() => checkRoundTrips(() => made('virtio-mmio', plugged[name]?.()))).not.toThrow();
  });

  it('a UART with input, in its FIFO and waiting', () => {
    for (const key of ['pl011', 'gs101-uart'] as const) {
      const [saved, restored] = [made(key), made(key)];
      for (const { devices } of [saved]) {
        const uart = devices[0] as Device & { receive(bytes: Uint8Array): void };
        // CR or UCON: on; LCR_H or UFCON: with FIFO.
        for (const [offset, value] of key === 'pl011'
          ? [
              [0x30, 0x301],
              [0x2c, 0x70],
            ]
          : [
              [0x04, 0x5],
              [0x08, 1],
            ]) {
          uart.write(offset as number, 4, value as number);
        }
        uart.receive(Uint8Array.from({ length: 600 }, (_, n) => n % 251));
        uart.read(key === 'pl011' ? 0 : 0x24, 4);
      }
      restored.state.restoreState(saved.state.saveState());
      const data = key === 'pl011' ? 0 : 0x24;
      for (let n = 1; n < 600; n++) {
        expect(restored.devices[0]?.read(data, 4)).toBe(n % 251);
        expect(restored.state.saveState()).toEqual((saved.devices[0]?.read(data, 4), saved.state.saveState()));
      }
    }
  });
});

describe('an interrupt controller that is saved and restored goes on as before', () => {
  const gic = (version: 2 | 3): Subject => {
    const context = new TimedContext();
    const onLines = (cpu: number, irq: boolean, fiq: boolean) => {
      context.irqChanges.push(irq, fiq);
      context.irq = context.irqChanges.length % 2 === cpu % 2;
    };
    const common = { spis: 96, onLines, context };
    const one = version === 2 ? new GicV2({ ...common, cpus: 2, currentCpu: () => 1 }) : null;
    const other = version === 3 ? new GicV3({ ...common, mpidrs: [0, 1] }) : null;
    const controller = (one ?? other) as GicV2 | GicV3;
    const devices = [one?.distributor, one?.cpuInterface, other?.distributor, other?.redistributors].filter(
      (device) => device !== undefined,
    );
    const lines: Device = {
      model: 'inputs',
      read: () => (controller.irqLine(0) ? 1 : 0) + (controller.irqLine(1) ? 2 : 0),
      write: (offset, _width, value) => controller.setSpi(32 + ((offset / 4) % 96), value % 2 === 1),
      reset: () => {},
      saveState: () => null,
      restoreState: () => {},
    };
    const all = [...devices, lines];
    return {
      devices: all,
      context,
      state: {
        saveState: () => [controller.saveState(), ...all.map((device) => device.saveState())],
        restoreState: (state) => {
          const [first, ...others] = state as readonly SavedState[];
          controller.restoreState(first as never);
          for (const [index, device] of all.entries()) device.restoreState(others[index] ?? null);
        },
      },
    };
  };

  it.each([2, 3] as const)('GICv%i', (version) => {
    expect(() => checkRoundTrips(() => gic(version))).not.toThrow();
  });
});
