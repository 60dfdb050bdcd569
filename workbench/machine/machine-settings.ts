// SPDX-License-Identifier: GPL-2.0-only
/**
 * Settings of a machine: those of the library, and of the command line behind its options.
 */

import type { EventKind } from './event-kinds.ts';
import type { EngineName } from '#workbench/host/engine-name.ts';
import type { Fixups } from './device-tree-source.ts';
import type { DriveSpec } from '#workbench/host/drive.ts';
import type { FaultSettings } from './fault-settings.ts';

/** Settings of a machine. All have a default except the board. */
export interface MachineSettings {
  /** "qemu-virt", "pixel6" or "rpi4". */
  readonly board: string;
  /** RAM in bytes; the board's own when absent. */
  readonly memoryBytes?: number | undefined;
  /** Cores that the board has. */
  readonly cpus?: number | undefined;
  /** qemu-virt: 2 or 3. */
  readonly gicVersion?: number | undefined;
  /** qemu-virt: type of the cores; those of Armv8.2 need the own core. */
  readonly cpuType?: string | undefined;
  /**
   * Exception level at which `kernel` or `bios` is entered: 1 when absent, or 2 with the own core.
   */
  readonly el?: number | undefined;
  /**
   * A flattened device tree to use instead of the generated one. RAM that it names is added to the
   * board's unless `memoryBytes` is given.
   */
  readonly dtb?: Uint8Array | undefined;
  /**
   * Additions to `dtb`: "none" (default for the modelled kernel), or those of the boot loader
   * (default for other guests).
   */
  readonly fixups?: Fixups | undefined;
  /**
   * A guest to boot instead of the modelled kernel: arm64 Image (also gzip), ELF64, Android
   * boot.img.
   */
  readonly kernel?: Uint8Array | undefined;
  /** vendor_boot.img beside an Android boot.img. */
  readonly vendorBoot?: Uint8Array | undefined;
  /** Flash contents at the reset vector (qemu-virt). */
  readonly bios?: Uint8Array | undefined;
  /** Disks, each behind a virtio slot, the last slot first (qemu-virt). */
  readonly drives?: readonly DriveSpec[] | undefined;
  /**
   * Initial RAM disk; an empty one is none. Without it the modelled kernel gets its default one,
   * the programs of firmware/user/.
   */
  readonly initrd?: Uint8Array | undefined;
  /** Kernel command line. */
  readonly append?: string | undefined;
  /** Seed of everything random in the device tree; nothing is random without one. */
  readonly seed?: number | bigint | undefined;
  /** The engine that executes instructions; "auto" when absent. */
  readonly engine?: EngineName | undefined;
  /**
   * Makes the own core a Cortex-A72 like Unicorn's, whatever MIDR_EL1 says, so that the two can be
   * compared.
   */
  readonly likeUnicorn?: boolean | undefined;
  /** Loud event kinds to keep. */
  readonly trace?: readonly EventKind[] | undefined;
  /** Stop with success when this appears on the serial line. */
  readonly expectText?: string | undefined;
  /** Stop with failure when this appears. */
  readonly failText?: string | undefined;
  /** Injected faults; none when absent. */
  readonly faults?: FaultSettings | undefined;
}

/** Bounds of a run; each may be absent. */
export interface RunBounds {
  /** Simulated nanoseconds since reset. */
  readonly timeoutNs?: number | undefined;
  /** Instructions since reset. */
  readonly maxInstructions?: number | undefined;
}
