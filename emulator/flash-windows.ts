/**
 * Flash in the cores' view of memory: plain memory while it is read, which costs nothing and can be executed, and a device while it is commanded
 * (devices/cfi-flash.ts).
 *
 *     memory ── a store into it ──► device ── back in array mode ──► memory, before the next slice
 */

import type { Device } from './bus/device.ts';
import type { Bus } from './bus/bus.ts';
import type { Core } from './cpu/core.ts';
import type { UnmappedAccess } from './engine/engine.ts';
import type { FixedMemory } from './machine-options.ts';

interface FlashWindow {
  readonly memory: FixedMemory;
  mappedAs: 'memory' | 'device';
  /** It is in array mode again: to be mapped as memory before the next slice. */
  returning: boolean;
}

export class FlashWindows {
  private readonly windows: FlashWindow[] = [];
  private readonly cores: () => readonly Core[];

  /** @param cores those that have an engine, at the time of the call */
  constructor(cores: () => readonly Core[]) {
    this.cores = cores;
  }

  /** `memory` is flash for which `device` answers when it is written to. Returns what the device calls when it enters or leaves array mode. */
  add(memory: FixedMemory, device: Device, bus: Bus, interruptSlice: () => void): (arrayMode: boolean) => void {
    const { name, base, size } = memory;
    bus.attach({ name, base, size, device });
    const window: FlashWindow = { memory, mappedAs: 'memory', returning: false };
    this.windows.push(window);
    return (arrayMode) => {
      window.returning = arrayMode && window.mappedAs === 'device';
      if (window.returning) interruptSlice();
    };
  }

  /** A store met read-only memory: if that is flash, it answers as a device from now on. True when the store is to be made again. */
  open({ type, address }: UnmappedAccess): boolean {
    const window = this.windows.find(({ memory: { base, size } }) => address >= base && address < base + size);
    if (type !== 'write' || window === undefined || window.mappedAs === 'device') return false;
    const { base, bytes } = window.memory;
    for (const core of this.cores()) {
      core.engine.unmap(base, bytes.length);
      core.mapBus(base, bytes.length);
    }
    window.mappedAs = 'device';
    return true;
  }

  saveState() {
    return this.windows.map(({ mappedAs, returning }) => ({ mappedAs, returning }));
  }

  /** With the cores that were on opened already. */
  restoreState(state: ReturnType<FlashWindows['saveState']>): void {
    for (const [index, window] of this.windows.entries()) {
      const saved = state[index];
      if (saved?.mappedAs === 'device') this.open({ type: 'write', address: window.memory.base, size: 1, value: 0n });
      window.returning = saved?.returning ?? false;
    }
  }

  /** Maps as memory what is back in array mode. Between slices. */
  return(): void {
    for (const window of this.windows) {
      if (!window.returning) continue;
      const { base, bytes, access } = window.memory;
      for (const core of this.cores()) {
        core.engine.unmap(base, bytes.length);
        core.engine.mapMemory(base, bytes, access);
      }
      window.mappedAs = 'memory';
      window.returning = false;
    }
  }
}
