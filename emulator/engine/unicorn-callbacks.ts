// SPDX-License-Identifier: GPL-2.0-only
/**
 * Our functions that the library calls: registered with it, hooked to its events, and unregistered
 * when the engine is closed. With inline counting, some are called through a stand-in that can
 * leave an instruction unfinished (inline-counter.ts).
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

/** Size of the u32 fields of struct uc_arm64_cp_reg. */
const SYSTEM_REGISTER_BYTES = 20;

/**
 * Stand-in of a callback: a guard, by the number of the callback's data argument, or the filter of
 * blocks.
 */
export type StandIn = 4 | 5 | 6 | 'block filter';

/** Kind of hook, with the function that is called. */
export interface Hook {
  /** UC_HOOK_… */
  readonly type: number;
  readonly prototype: CallbackPrototype;
  /** Stand-in for callbacks in which instructions are abandoned or PC is looked up. */
  readonly standIn?: StandIn;
  readonly callback: (...args: never[]) => unknown;
}

export class UnicornCallbacks {
  private readonly handle: UnicornHandle;
  private readonly inline: InlineCounter | null;
  /** Callbacks to unregister on close. */
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

  /** Installs a hook for all addresses. */
  hook({ type, prototype, standIn, callback }: Hook): void {
    // begin > end: all addresses.
    this.add(type, this.register(callback, prototype, standIn), 1, 0);
  }

  /**
   * Hooks addresses `begin` to `end`, both included.
   * @param whenOver runs an action once the library can no longer return to a callback
   * @returns removes the hook
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
      // A closed engine has freed its hooks, and a second removal would free one twice.
      if (ended || this.isClosed) return;
      ended = true;
      whenOver(remove);
    };
  }

  /**
   * View of the struct at native address `pointer`, cached. The engine passes structs on its own
   * stack, so the same few addresses recur, and creating a view each time would cost more than
   * everything else.
   */
  structAt(pointer: number, bytes: number): DataView {
    let view = this.structs.get(pointer);
    if (view === undefined) {
      view = new DataView(nativeView(BigInt(pointer), bytes));
      this.structs.set(pointer, view);
    }
    return view;
  }

  /** Encoding in a struct uc_arm64_cp_reg { u32 crn, crm, op0, op1, op2; … }. */
  encodingAt(pointer: number): SystemRegisterEncoding {
    const view = this.structAt(pointer, SYSTEM_REGISTER_BYTES);
    const field = (index: number) => view.getUint32(4 * index, true);
    return [field(2), field(3), field(0), field(1), field(4)];
  }

  /** Unregisters the callbacks. Call after the handle was closed. */
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
