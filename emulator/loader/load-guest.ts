// SPDX-License-Identifier: GPL-2.0-only
/**
 * Placement of a guest by one of two sets of rules: addresses, entry registers, and edits of its
 * device tree. It copies and starts nothing.
 *
 * ```
 *   qemu         RAM |x---[ kernel ]............[ initrd ]..[ DTB ]......|   initrd at min(RAM / 2, 128 MiB), above
 *                     2 MiB unless text_offset                  2 MiB boundary
 *
 *   boot-loader  RAM |[ kernel ]...[ initrd ]....[ DTB ]....reserved.....|   where the board prefers them, if free
 *                     text_offset, or where the board has kernels
 * ``` Other RAM must be zero: the part of an ELF segment beyond its file contents is not in the
 * plan.
 *
 * Specification: Documentation/arch/arm64/booting.rst. QEMU's hw/arm/boot.c, as observed in 7.2
 * (qemu.test.ts asks it). The Pixel 6's boot loader publishes no addresses: the board's values come
 * from logs of sibling phones and from U-Boot's gs101 port.
 */

import { alignUp, hex, PAGE_SIZE } from '#common/address.ts';
import type { BaseAndSize, Range } from '#common/range.ts';
import { BLOCK_BYTES, GuestPlacementError, GuestSpace } from './guest-space.ts';
import type { Guest, GuestKernel } from './open-guest.ts';

/**
 * Loading rules: those of QEMU's `-kernel`, or those of a boot loader with its own addresses, in
 * order of preference.
 */
export type LoadingRules =
  | { readonly by: 'qemu' }
  | {
      readonly by: 'boot-loader';
      /** Load address of every Image; null: text_offset decides. */
      readonly kernel: number | null;
      readonly initrd: readonly number[];
      readonly dtb: readonly number[];
    };

/** Board data, in bytes and physical addresses. */
export interface GuestBoard {
  /**
   * Banks, sorted. A kernel without an address of its own, its initrd and its tree go to the first
   * bank.
   */
  readonly ram: readonly BaseAndSize[];
  readonly reserved: readonly BaseAndSize[];
  readonly rules: LoadingRules;
}

/** Bytes to copy to physical memory. */
export interface Placement {
  /** Name for messages: "kernel", "initrd", "ELF segment 0". */
  readonly what: string;
  readonly base: number;
  readonly bytes: Uint8Array;
}

/**
 * Registers of the first core at the guest's first instruction. All others are zero, and the MMU is
 * off.
 */
export interface GuestEntry {
  readonly pc: number;
  readonly x0: number;
}

/** Plan of a guest's placement. */
export interface GuestPlan {
  readonly placements: readonly Placement[];
  /** Address of the device tree; null: these rules give the guest none. */
  readonly dtb: number | null;
  readonly entry: GuestEntry;
  /** Edits of /chosen: bootargs and linux,initrd-start and -end. Null: leave the tree's values. */
  readonly chosen: {
    readonly bootargs: string | null;
    readonly initrd: Range | null;
  };
}

/**
 * QEMU's own first instructions are at the start of RAM: a kernel that would overlap them is moved.
 */
const QEMU_STUB_BYTES = PAGE_SIZE;
const QEMU_MAX_INITRD_OFFSET = 128 * 2 ** 20;
/** Offset of a file without a header: it is taken for a kernel from before there were headers. */
const RAW_TEXT_OFFSET = 0x8_0000;
/** Most that the kernel maps (booting.rst, "Setup the device tree"). */
const MAX_DTB_BYTES = 2 * 2 ** 20;

/**
 * Places `guest` and a device tree of `dtbBytes`. Unlike QEMU, which drops it silently, this also
 * places an initrd for an ELF guest.
 * @throws GuestPlacementError when something does not fit, with sizes and addresses
 */
export function loadGuest(guest: Guest, board: GuestBoard, dtbBytes: number): GuestPlan {
  const [bank] = board.ram;
  if (bank === undefined) throw new GuestPlacementError('the board has no RAM to load into');
  if (dtbBytes > MAX_DTB_BYTES) {
    throw new GuestPlacementError(`the device tree has ${hex(dtbBytes)} bytes; a kernel maps ${hex(MAX_DTB_BYTES)}`);
  }
  const space = new GuestSpace(board.ram, board.reserved);
  const kernel = placeKernel(guest.kernel, bank, board.rules, space);
  const isElf = guest.kernel.kind === 'elf';
  const initrdBytes = guest.initrd?.length ?? 0;

  const placeInitrd = (preferred: readonly number[]): Range | null => {
    if (initrdBytes === 0) return null;
    const start = space.findSlot(initrdBytes, preferred, kernel.end) ?? refuse('initrd', initrdBytes, bank);
    space.reserve('initrd', start, initrdBytes);
    return { start, end: start + initrdBytes };
  };
  const placeTree = (preferred: readonly number[], above: number): number => {
    const base = space.findSlot(dtbBytes, preferred, above) ?? refuse('device tree', dtbBytes, bank);
    space.reserve('device tree', base, dtbBytes);
    return base;
  };

  let dtb: number | null;
  let initrd: Range | null;
  if (board.rules.by === 'qemu') {
    const half = bank.base + Math.min(bank.size / 2, QEMU_MAX_INITRD_OFFSET);
    const initrdBase = alignUp(Math.max(half, kernel.end), PAGE_SIZE);
    if (isElf) {
      // Only below the lowest segment, at the start of RAM, where bare-metal code expects it.
      const fits = dtbBytes <= kernel.start - bank.base && space.isFree(bank.base, dtbBytes);
      dtb = fits ? placeTree([bank.base], bank.base) : null;
      initrd = placeInitrd([initrdBase]);
    } else {
      initrd = placeInitrd([initrdBase]);
      dtb = placeTree([], alignUp(initrd?.end ?? initrdBase, BLOCK_BYTES));
    }
  } else {
    // The tree is placed first: when its address is given, the initrd must move.
    dtb = placeTree(board.rules.dtb, kernel.end);
    initrd = placeInitrd(board.rules.initrd);
  }

  const placements = [...kernel.placements];
  if (initrd !== null && guest.initrd !== null) {
    placements.push({ what: 'initrd', base: initrd.start, bytes: guest.initrd });
  }
  return {
    placements,
    dtb,
    // QEMU starts bare-metal code with all registers zero; a boot loader treats every kernel as
    // Linux.
    entry: { pc: kernel.entry, x0: isElf && board.rules.by === 'qemu' ? 0 : (dtb ?? 0) },
    chosen: { bootargs: guest.bootargs, initrd },
  };
}

interface PlacedKernel {
  readonly placements: readonly Placement[];
  readonly entry: number;
  readonly start: number;
  /** End of the memory that the guest needs in the first bank. */
  readonly end: number;
}

function placeKernel(kernel: GuestKernel, bank: BaseAndSize, rules: LoadingRules, space: GuestSpace): PlacedKernel {
  if (kernel.kind === 'elf') {
    const { segments, entry } = kernel.elf;
    const placements = segments.map(({ physical, bytes, memoryBytes }, index) => {
      const what = `ELF segment ${index}`;
      space.reserve(what, physical, memoryBytes);
      return { what, base: physical, bytes };
    });
    const inBank = segments.filter(({ physical }) => physical >= bank.base && physical < bank.base + bank.size);
    const end = Math.max(bank.base, ...inBank.map(({ physical, memoryBytes }) => physical + memoryBytes));
    return { placements, entry, start: segments[0]?.physical ?? bank.base, end };
  }
  const { bytes } = kernel;
  let offset = kernel.kind === 'image' ? kernel.image.textOffset : RAW_TEXT_OFFSET;
  if (rules.by === 'qemu' && offset < QEMU_STUB_BYTES) offset += BLOCK_BYTES;
  const base = (rules.by === 'boot-loader' ? rules.kernel : null) ?? bank.base + offset;
  // The file of a signed kernel is longer than image_size: the signature follows the image.
  const needed = Math.max(kernel.kind === 'image' ? kernel.image.imageSize : 0, bytes.length);
  space.reserve('kernel', base, needed);
  return { placements: [{ what: 'kernel', base, bytes }], entry: base, start: base, end: base + needed };
}

function refuse(what: string, bytes: number, bank: BaseAndSize): never {
  throw new GuestPlacementError(
    `no room for the ${what} of ${hex(bytes)} bytes in the RAM from ${hex(bank.base)} to ${hex(bank.base + bank.size)}`,
  );
}
