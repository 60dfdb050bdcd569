// SPDX-License-Identifier: GPL-2.0-only
/**
 * Flash in the cores' view of memory: plain memory while it is read, which costs nothing and can be
 * executed, and a device while it is commanded (devices/cfi-flash.ts).
 *
 *     memory ── a store that is a command ──► device ── back in array mode ──► memory       each before the next slice
 *
 * What is read after a store may be the device's, and a store that is no command changes nothing.
 * So the core executes a store that meets such memory alone, in a slice of one instruction; the
 * engine writes into the memory, what it wrote is undone, and the device gets it. The code may lie
 * in the same flash.
 */

import type { Device } from '#emulator/bus/device.ts';
import type { Bus } from '#emulator/bus/bus.ts';
import type { MachineCore } from '#emulator/cpu/machine-core.ts';
import type { UnmappedAccess } from '#emulator/engine/engine.ts';
import type { FixedMemory } from './machine-options.ts';

interface FlashWindow {
  readonly memory: FixedMemory;
  readonly device: Device;
  mappedAs: 'memory' | 'device';
  /** Array mode was left or entered: to be mapped as what it is before the next slice. */
  changing: boolean;
}

/** A store that the engine makes into flash mapped as memory. */
interface NotedStore {
  readonly window: FlashWindow;
  readonly offset: number;
  readonly access: UnmappedAccess;
  /** What an instruction may change around it, from offset `start`. */
  readonly start: number;
  readonly before: Uint8Array;
}

/** Bytes that DC ZVA changes, the most of all instructions. */
const MOST_BYTES = 64;
/** Bytes of the bank's width. */
const WORD = 4;

export class FlashWindows {
  private readonly windows: FlashWindow[] = [];
  private noted: NotedStore[] = [];
  private readonly cores: () => readonly MachineCore[];

  /** @param cores those that have an engine, at the time of the call */
  constructor(cores: () => readonly MachineCore[]) {
    this.cores = cores;
  }

  /**
   * `memory` is flash for which `device` answers when it is written to. Returns what the device
   * calls when it enters or leaves array mode.
   */
  add(memory: FixedMemory, device: Device, bus: Bus, interruptSlice: () => void): (arrayMode: boolean) => void {
    const { name, base, size } = memory;
    bus.attach({ name, base, size, device });
    const window: FlashWindow = { memory, device, mappedAs: 'memory', changing: false };
    this.windows.push(window);
    return (arrayMode) => {
      window.changing = arrayMode !== (window.mappedAs === 'memory');
      if (window.changing) interruptSlice();
    };
  }

  /** True when `memory` is flash that answers as a device now. */
  isDevice(memory: FixedMemory): boolean {
    return this.windows.some((window) => window.memory === memory && window.mappedAs === 'device');
  }

  /** True when the access is a store into flash that is mapped as memory. */
  takes({ type, address }: UnmappedAccess): boolean {
    return type === 'write' && this.windowAt(address)?.mappedAs === 'memory';
  }

  /**
   * The core, alone in its slice, is about to make a store into flash that is mapped as memory:
   * what it changes is noted, for {@link FlashWindows.storesMade}. False when that is elsewhere.
   */
  note(access: UnmappedAccess): boolean {
    const window = this.takes(access) ? this.windowAt(access.address) : undefined;
    if (window === undefined) return false;
    const offset = access.address - window.memory.base;
    // DC ZVA is announced by its first byte, and the second half of a pair may not be.
    const start = offset - (offset % MOST_BYTES);
    this.noted.push({
      window,
      offset,
      access,
      start,
      before: window.memory.bytes.slice(start, start + 2 * MOST_BYTES),
    });
    return true;
  }

  /**
   * The slice has ended: no store has changed the flash, and its device answers each. False when
   * there was none.
   */
  storesMade(): boolean {
    const stores = this.noted;
    this.noted = [];
    for (const { window, start, before } of stores.toReversed()) window.memory.bytes.set(before, start);
    for (const { window, offset, access } of stores) {
      const width = Math.min(access.size, WORD);
      for (let at = 0; at < access.size; at += width) {
        const value = Number(BigInt.asUintN(8 * width, access.value >> BigInt(8 * at)));
        window.device.write(offset + at, width as 1 | 2 | 4, value);
      }
    }
    return stores.length > 0;
  }

  saveState() {
    return this.windows.map(({ mappedAs, changing }) => ({ mappedAs, changing }));
  }

  /** With the cores that were on opened already. */
  restoreState(state: ReturnType<FlashWindows['saveState']>): void {
    for (const [index, window] of this.windows.entries()) {
      const saved = state[index];
      if (saved?.mappedAs === 'device') this.mapAs(window, 'device');
      window.changing = saved?.changing ?? false;
    }
  }

  /** Maps each as what it is now. Between slices. */
  settle(): void {
    for (const window of this.windows) {
      if (!window.changing) continue;
      window.changing = false;
      this.mapAs(window, window.mappedAs === 'memory' ? 'device' : 'memory');
    }
  }

  private windowAt(address: number): FlashWindow | undefined {
    return this.windows.find(({ memory: { base, size } }) => address >= base && address < base + size);
  }

  private mapAs(window: FlashWindow, what: 'memory' | 'device'): void {
    const { base, bytes, access } = window.memory;
    for (const core of this.cores()) {
      core.engine.unmap(base, bytes.length);
      if (what === 'device') core.mapBus(base, bytes.length);
      else core.engine.mapMemory(base, bytes, access);
    }
    window.mappedAs = what;
  }
}
