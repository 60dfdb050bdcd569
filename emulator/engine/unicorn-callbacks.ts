// SPDX-License-Identifier: GPL-2.0-only
/**
 * Functions of ours that the library calls: registered with it, hooked to what it reports, and
 * given back when the engine is closed. With inline counting some are called through a stand-in,
 * which can leave an instruction unfinished (inline-counter.ts).
 *
 * Numbers are the library's ABI: include/unicorn/unicorn.h and arm64.h of Unicorn 2.1.
 */

import type { InlineCounter, NativeCallback } from './inline-counter.ts';
import type { SystemRegisterEncoding } from './system-registers.ts';
import type { UnicornHandle } from './unicorn-handle.ts';
import {
  addressOf,
  type CallbackPrototype,
  nativeView,
  type Pointer,
  registerCallback,
  unregisterCallback,
} from './unicorn-library.ts';

/** The u32 fields of struct uc_arm64_cp_reg. */
const SYSTEM_REGISTER_BYTES = 20;

/**
 * What stands before a callback: a guard, by the number of the callback's data argument, or the
 * filter of blocks.
 */
export type StandIn = 4 | 5 | 6 | 'block filter';

/** The kind of hook, and the function that is called. */
export interface Hook {
  /** UC_HOOK_… */
  readonly type: number;
  readonly prototype: CallbackPrototype;
  /** For callbacks in which instructions are abandoned or looked up. */
  readonly standIn?: StandIn;
  readonly callback: (...args: never[]) => unknown;
}

export class UnicornCallbacks {
  private readonly handle: UnicornHandle;
  private readonly inline: InlineCounter | null;
  /** To be given back on close. */
  private readonly registered: Pointer[] = [];
  private readonly structs = new Map<number, DataView>();
  private isClosed = false;

  constructor(handle: UnicornHandle, inline: InlineCounter | null) {
    this.handle = handle;
    this.inline = inline;
  }

  register(
    callback: (...args: never[]) => unknown,
    prototype: CallbackPrototype,
    standIn: StandIn | undefined,
  ): NativeCallback {
    return this.nativeCallback(this.registerPointer(callback, prototype), standIn);
  }

  /** Hooks everywhere. */
  hook({ type, prototype, standIn, callback }: Hook): void {
    // begin > end: everywhere
    this.add(type, this.register(callback, prototype, standIn), 1, 0);
  }

  /**
   * Hooks addresses `begin` to `end`, both included.
   * @param whenOver runs what must not be done while the library may return to a callback
   * @returns takes the hook away
   */
  watch(
    { type, prototype, standIn, callback }: Hook,
    begin: number | bigint,
    end: number | bigint,
    whenOver: (action: () => void) => void,
  ): () => void {
    const { handle, registered } = this;
    const pointer = this.registerPointer(callback, prototype);
    const hook = this.add(type, this.nativeCallback(pointer, standIn), begin, end);
    const remove = (): void => {
      handle.check('uc_hook_del', handle.library.hookDel(handle.pointer, hook));
      unregisterCallback(pointer);
      registered.splice(registered.indexOf(pointer), 1);
    };
    let ended = false;
    return () => {
      // The engine took its hooks with it, and removing one twice would free it twice.
      if (ended || this.isClosed) return;
      ended = true;
      whenOver(remove);
    };
  }

  /**
   * A view of the struct at native address `pointer`. The engine passes structs of its own stack
   * frame, so the same few addresses come again and again, and a view each time would cost more
   * than all the rest.
   */
  structAt(pointer: number, bytes: number): DataView {
    let view = this.structs.get(pointer);
    if (view === undefined) {
      view = new DataView(nativeView(BigInt(pointer), bytes));
      this.structs.set(pointer, view);
    }
    return view;
  }

  /** The encoding in a struct uc_arm64_cp_reg { u32 crn, crm, op0, op1, op2; … }. */
  encodingAt(pointer: number): SystemRegisterEncoding {
    const view = this.structAt(pointer, SYSTEM_REGISTER_BYTES);
    const field = (index: number) => view.getUint32(4 * index, true);
    return [field(2), field(3), field(0), field(1), field(4)];
  }

  /** After the handle was closed. */
  close(): void {
    for (const callback of this.registered) unregisterCallback(callback);
    this.isClosed = true;
  }

  private add(type: number, { callback, data }: NativeCallback, begin: number | bigint, end: number | bigint): number {
    const { handle } = this;
    const hook: [number] = [0];
    handle.check('uc_hook_add', handle.library.hookAdd(handle.pointer, hook, type, callback, data, begin, end));
    return hook[0];
  }

  private registerPointer(callback: (...args: never[]) => unknown, prototype: CallbackPrototype): Pointer {
    const pointer = registerCallback(callback, prototype);
    this.registered.push(pointer);
    return pointer;
  }

  private nativeCallback(pointer: Pointer, standIn: StandIn | undefined): NativeCallback {
    const address = addressOf(pointer);
    if (this.inline === null || standIn === undefined) return { callback: address, data: 0n };
    return standIn === 'block filter' ? this.inline.blockFilter(address) : this.inline.guard(address, standIn);
  }
}
