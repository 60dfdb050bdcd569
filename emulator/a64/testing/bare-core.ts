// SPDX-License-Identifier: GPL-2.0-only
/**
 * Core without a machine, for tests of instructions: flat memory in one window; exceptions are only
 * recorded.
 */

import { type CoreState as State, CoreState, GuestException } from '#emulator/a64/core-state.ts';
import { DecodedWords } from '#emulator/a64/decoded-words.ts';
import {
  CODE_MODE,
  LAYOUT,
  NO_ADDRESS,
  TLB_ENTRIES,
  TLB_ENTRY,
  TLB_PAGE_SHIFT,
  TLB_SLOT_BYTES,
  TLB_SLOTS,
} from '#emulator/a64/layout.ts';
import { Runtime } from '#emulator/a64/runtime.ts';
import { CodePlaces } from '#emulator/a64/translate/code-places.ts';
import type { SystemPort } from '#emulator/a64/system/system-port.ts';

/** ESR of an undefined instruction, of an access outside the window, and of a misaligned access. */
export const UNDEFINED = 0x0200_0000;
const TRANSLATION_FAULT = 0x9600_0004;
const ALIGNMENT_FAULT = 0x9600_0021;
const WRITE = 0x40;

export interface BareException {
  readonly esr: number;
  readonly far: bigint | null;
}

export class BareCore {
  readonly state: State;
  /**
   * Bytes of the window [start, start + bytes.length); virtual and physical addresses are equal.
   */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly start: number;
  /** Reason for the early end of the last run. */
  exception: BareException | null = null;
  private readonly runtime = new Runtime();
  private readonly view: DataView;
  private readonly code: CodePlaces;

  /**
   * @param start and `size` are multiples of 4 KiB
   * @param translates true: everything is translated at once, and the TLB hits inside the window
   */
  constructor(start: number, size: number, translates = false) {
    this.start = start;
    this.bytes = this.runtime.allocate(size);
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, size);
    const made: State[] = [];
    this.runtime.addCore((address) => {
      const { buffer } = this.runtime.memory;
      const words = new DecodedWords(this.runtime, address, hasAll);
      const memory = {
        read: (at: bigint, bytes: number) => this.value(this.offsetOf(at, bytes, false), bytes),
        write: (at: bigint, bytes: number, value: bigint) =>
          this.setValue(this.offsetOf(at, bytes, true), bytes, value),
      };
      const state = new CoreState(buffer, address, { memory, system: noSystem }, hasAll);
      made.push(state);
      const guarded = (action: () => boolean | void): number => {
        try {
          return action() === true ? 1 : 0;
        } catch (error) {
          if (!(error instanceof GuestException)) throw error;
          return this.take(error.esr, error.far);
        }
      };
      const access = (low: number, high: number, how: number, write: boolean, use: (at: number) => void): number =>
        guarded(() => use(this.offsetOf((BigInt(high >>> 0) << 32n) | BigInt(low >>> 0), how & 0xff, write)));
      const scratch = LAYOUT.scratch / 8;
      return {
        load: (low, high, how) =>
          access(low, high, how, false, (at) => {
            state.wide[scratch] = this.value(at, how & 0xff);
          }),
        store: (low, high, how) =>
          access(low, high, how, true, (at) => this.setValue(at, how & 0xff, state.wide[scratch] as bigint)),
        update: (low, high, how) =>
          access(low, high, how, true, (at) => {
            state.wide[scratch] = BigInt(this.bytes.byteOffset + at);
          }),
        helper: (helper) => guarded(() => this.runtime.helper(helper)(state)),
        fpTrap: () => this.take(UNDEFINED, null),
        stackMisaligned: () => guarded(() => state.takeStackMisaligned()),
        misaligned: (low, high, write) =>
          this.take(ALIGNMENT_FAULT | (write * WRITE), (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)),
        undefined: () => this.take(UNDEFINED, null),
        decode: (entry, word) => {
          words.fill(entry, word);
          return 0;
        },
        fetch: () => this.fetch(),
        enter: (entry, place) => this.code.enter(entry, place),
        hot: (entry, place) => this.code.hot(entry, place),
      };
    });
    this.state = made[0] as State;
    const { state } = this;
    this.code = new CodePlaces(this.runtime.translations, { state, memory: NO_GUARD, features: hasAll, hotAfter: 0 });
    state.setWord(LAYOUT.codeMode, translates ? 0 : CODE_MODE.interpreted);
    this.state.setWord(LAYOUT.tlb, this.state.address + LAYOUT.tlbs);
    this.state.setWord(LAYOUT.tlbUnprivileged, this.state.address + LAYOUT.tlbs);
    this.state.wide.fill(NO_ADDRESS, LAYOUT.tlbs / 8, (LAYOUT.tlbs + TLB_SLOTS * TLB_SLOT_BYTES) / 8);
    if (translates) this.fillTlb();
  }

  private fillTlb(): void {
    const { wide, words } = this.state;
    for (let offset = 0; offset < this.bytes.length; offset += 4096) {
      const page = this.start + offset;
      const at = LAYOUT.tlbs + TLB_ENTRY.bytes * ((page >>> TLB_PAGE_SHIFT) % TLB_ENTRIES);
      for (const tag of [TLB_ENTRY.read, TLB_ENTRY.write]) wide[(at + tag) / 8] = BigInt(page);
      words[(at + TLB_ENTRY.shift) / 4] = this.bytes.byteOffset + offset - page;
    }
  }

  /** Number of instructions translated so far. */
  get translated(): number {
    return this.runtime.translations.made.instructions;
  }

  /**
   * Runs `count` instructions, or up to the first exception, which leaves PC at its instruction.
   * Returns the number of instructions begun.
   */
  run(count: number): number {
    this.exception = null;
    this.code.revalidate();
    this.state.setWord(LAYOUT.left, count);
    this.runtime.run(this.state.address);
    const begun = count - this.leftAtException;
    this.leftAtException = 0;
    return begun;
  }

  private leftAtException = 0;

  private take(esr: number, far: bigint | null): number {
    this.exception = { esr: esr >>> 0, far };
    this.leftAtException = this.state.word(LAYOUT.left);
    this.state.setWord(LAYOUT.left, 0);
    return 1;
  }

  private fetch(): number {
    const offset = Number(this.state.pc) - this.start;
    if (offset < 0 || offset >= this.bytes.length || offset % 4 !== 0) {
      return this.take(TRANSLATION_FAULT, this.state.pc);
    }
    this.state.wide[LAYOUT.fetchPage / 8] = this.state.pc & ~0xfffn;
    this.state.setWord(LAYOUT.fetchHost, this.bytes.byteOffset + (offset - (offset % 4096)));
    return 0;
  }

  private offsetOf(address: bigint, bytes: number, write: boolean): number {
    const offset = address - BigInt(this.start);
    if (offset < 0n || offset + BigInt(bytes) > BigInt(this.bytes.length)) {
      throw new GuestException(TRANSLATION_FAULT | (write ? WRITE : 0), address);
    }
    return Number(offset);
  }

  private value(at: number, bytes: number): bigint {
    let value = 0n;
    for (let i = bytes - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.view.getUint8(at + i));
    return value;
  }

  private setValue(at: number, bytes: number, value: bigint): void {
    for (let i = 0; i < bytes; i++) this.view.setUint8(at + i, Number((value >> BigInt(8 * i)) & 0xffn));
  }
}

const hasAll = (): boolean => true;
/** No guard: code that the guest writes is found when it is run again. */
const NO_GUARD = { guard: () => {}, release: () => {} };

const undefinedInstruction = (): never => {
  throw new GuestException(UNDEFINED);
};

const noSystem: SystemPort = {
  call: undefinedInstruction,
  breakpoint: undefinedInstruction,
  halt: undefinedInstruction,
  exceptionReturn: undefinedInstruction,
  wait: () => false,
  setPstateField: undefinedInstruction,
  readRegister: undefinedInstruction,
  writeRegister: undefinedInstruction,
  operate: undefinedInstruction,
  undefined: undefinedInstruction,
};
