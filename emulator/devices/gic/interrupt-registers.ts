// SPDX-License-Identifier: GPL-2.0-only
/**
 * Registers with one field per interrupt, which a distributor and a redistributor's SGI frame have
 * at the same offsets.
 *
 *     0x080 IGROUPR     1 bit, 32 INTIDs a register     0x300 ISACTIVER, 0x380 ICACTIVER   1 bit
 *     0x100 ISENABLER, 0x180 ICENABLER   1 bit          0x400 IPRIORITYR   1 byte, byte accesses allowed
 *     0x200 ISPENDR,   0x280 ICPENDR     1 bit          0xc00 ICFGR        2 bits: the upper one says edge-triggered
 *
 * INTIDs 0..31 are those of the accessing core (GICv2) or of the frame's core (GICv3): the caller
 * passes the core.
 *
 * Specification: IHI 0069, 12.9 (GICD), 12.11 (GICR); IHI 0048, 4.3.
 */

import { type AccessWidth, BusAbort } from '#emulator/bus/device.ts';
import type { BitField, InterruptState } from './interrupt-state.ts';
import { priorityToShow, priorityToStore, type SecurityView } from './security-view.ts';

/** Result of `intidWord` for an offset that holds none of these registers. */
export const NOT_HERE = -1;

/** Bit registers by offset / 0x80. */
const IGROUPR = 0x080 >>> 7;
const ISENABLER = 0x100 >>> 7;
const ICENABLER = 0x180 >>> 7;
const ISPENDR = 0x200 >>> 7;
const ICPENDR = 0x280 >>> 7;
const ISACTIVER = 0x300 >>> 7;
const ICACTIVER = 0x380 >>> 7;
const IPRIORITYR = 0x400;
const IPRIORITYR_END = 0x800;
const ICFGR = 0xc00;
const ICFGR_END = 0xd00;

export interface InterruptRegistersOptions {
  readonly state: InterruptState;
  readonly view: SecurityView;
  /**
   * Mask of SGIs whose pending state ISPENDR and ICPENDR may change: 0xffff in GICv3, 0 in GICv2,
   * which has SPENDSGIR.
   */
  readonly writablePendingSgis: number;
}

export class InterruptRegisters {
  private readonly state: InterruptState;
  private readonly view: SecurityView;
  private readonly readOnlyPending: number;

  constructor(options: InterruptRegistersOptions) {
    this.state = options.state;
    this.view = options.view;
    this.readOnlyPending = 0xffff & ~options.writablePendingSgis;
  }

  /**
   * Returns k when the register at `offset` holds fields of INTIDs 32k..32k+31, and {@link
   * NOT_HERE} for other registers.
   */
  intidWord(offset: number): number {
    if (offset < 0x80) return NOT_HERE;
    if (offset < IPRIORITYR) return (offset & 0x7f) >>> 2;
    if (offset < IPRIORITYR_END) return (offset - IPRIORITYR) >>> 5;
    return offset >= ICFGR && offset < ICFGR_END ? (offset - ICFGR) >>> 3 : NOT_HERE;
  }

  /**
   * Reads the register at `offset`, which `intidWord` knows; fields of absent interrupts read zero.
   * @throws BusAbort when the register does not allow the width
   */
  read(cpu: number, offset: number, width: AccessWidth): number {
    const state = this.state;
    const word = state.wordOf(cpu, this.intidWord(offset));
    if (offset >= IPRIORITYR && offset < IPRIORITYR_END) return this.readPriorities(word, offset, width);
    requireWord(offset, width);
    if (word < 0) return 0;
    if (offset >= ICFGR) return spread(state.edgeTriggered(word) >>> ((offset & 4) << 2));
    switch (offset >>> 7) {
      case IGROUPR:
        return this.view === 'single' ? state.field('grouped', word) : 0;
      case ISENABLER:
      case ICENABLER:
        return state.field('enabled', word);
      case ISPENDR:
      case ICPENDR:
        return state.pending(word);
      default:
        return state.field('active', word);
    }
  }

  /** Writes the register; fields of absent interrupts ignore it. @throws BusAbort as `read` does */
  write(cpu: number, offset: number, width: AccessWidth, value: number): void {
    const word = this.state.wordOf(cpu, this.intidWord(offset));
    if (offset >= IPRIORITYR && offset < IPRIORITYR_END) {
      this.writePriorities(word, offset, width, value);
      return;
    }
    requireWord(offset, width);
    if (word < 0) return;
    if (offset >= ICFGR) {
      const shift = (offset & 4) << 2;
      this.state.writeTrigger(word, 0xffff << shift, gather(value) << shift);
      return;
    }
    switch (offset >>> 7) {
      case IGROUPR:
        if (this.view === 'single') this.state.writeField('grouped', word, -1, value);
        break;
      case ISENABLER:
        this.set('enabled', word, value);
        break;
      case ICENABLER:
        this.clear('enabled', word, value);
        break;
      case ISPENDR:
        this.set('latched', word, this.pendingMask(word, value));
        break;
      case ICPENDR:
        this.clear('latched', word, this.pendingMask(word, value));
        break;
      case ISACTIVER:
        this.set('active', word, value);
        break;
      case ICACTIVER:
        this.clear('active', word, value);
        break;
      default:
        throw new RangeError(`no interrupt register at offset ${offset}`);
    }
  }

  private set(field: BitField, word: number, bits: number): void {
    this.state.writeField(field, word, bits, -1);
  }

  private clear(field: BitField, word: number, bits: number): void {
    this.state.writeField(field, word, bits, 0);
  }

  private pendingMask(word: number, value: number): number {
    return word < this.state.cpus ? value & ~this.readOnlyPending : value;
  }

  private readPriorities(word: number, offset: number, width: AccessWidth): number {
    requireByteOrWord(offset, width);
    if (word < 0) return 0;
    const first = (word << 5) | (offset & 31);
    let value = 0;
    for (let i = 0; i < width; i++) {
      if (this.isImplemented(first + i)) {
        value |= priorityToShow(this.view, this.state.priority(first + i)) << (8 * i);
      }
    }
    return value >>> 0;
  }

  private writePriorities(word: number, offset: number, width: AccessWidth, value: number): void {
    requireByteOrWord(offset, width);
    if (word < 0) return;
    const first = (word << 5) | (offset & 31);
    for (let i = 0; i < width; i++) {
      this.state.setPriority(first + i, priorityToStore(this.view, value >>> (8 * i)));
    }
  }

  private isImplemented(slot: number): boolean {
    return (this.state.implemented(slot >>> 5) & (1 << (slot & 31))) !== 0;
  }
}

/** @throws BusAbort for accesses that are not 32 bits wide */
export function requireWord(offset: number, width: AccessWidth): void {
  if (width !== 4) {
    throw new BusAbort(`the interrupt controller's register at offset ${offset} allows 32-bit accesses only`);
  }
}

/** @throws BusAbort for 16-bit accesses */
export function requireByteOrWord(offset: number, width: AccessWidth): void {
  if (width === 2) {
    throw new BusAbort(`the interrupt controller's register at offset ${offset} allows 8-bit and 32-bit accesses only`);
  }
}

/** Moves bit n of the lower half to bit 2n + 1. */
function spread(bits: number): number {
  let value = 0;
  for (let n = 0; n < 16; n++) value |= ((bits >>> n) & 1) << (2 * n + 1);
  return value >>> 0;
}

/** Moves bit 2n + 1 to bit n. */
function gather(value: number): number {
  let bits = 0;
  for (let n = 0; n < 16; n++) bits |= ((value >>> (2 * n + 1)) & 1) << n;
  return bits;
}
