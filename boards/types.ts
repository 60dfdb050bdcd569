// SPDX-License-Identifier: GPL-2.0-only
/**
 * Types of a board, which is pure data. The machine places devices on its bus from it, and the
 * device tree is generated from the same data (device-tree.ts), so the two always agree.
 *
 * It is not the machine: nothing here runs. To add a board, write one file that calls `defineBoard`
 * and list it in registry.ts.
 *
 *   Board
 *    |- ramBanks     [base, base + size) ...            -> physical memory, /memory
 *    |- devices      name, model, base, size, irqs      -> bus;  nodes -> device tree
 *    |- reserved     base, size, no-map                 -> /reserved-memory
 *    |- cpus, psci, timer, interruptController          -> CPU cores, /cpus, /psci, /timer
 *    `- firmware, load, kernelConsole                   -> where things start and what they print on
 *
 * Addresses and sizes are in bytes. Ranges are half-open.
 */

import type { PhysAddr } from '#common/address.ts';
import type { ModelKey } from '#emulator/devices/registry.ts';
import type { Interrupt, NodeSource, PropertySources } from './tree-source.ts';

/**
 * Device models that a placement may name; the machine implements the keys. Two are not chips:
 * `storage` is 32-bit registers that reset to zero and read back the written value; at `absent`,
 * every access is an external abort, and the placement only gives the event a name.
 */
export type DeviceModel = ModelKey | 'rom' | 'sram' | 'gicv2' | 'gicv3';

/** A register window of a device that has several (the GIC has two to four). */
export type DevicePart = 'distributor' | 'cpu-interface' | 'redistributor' | 'virtual-control' | 'virtual-interface';

/** Tree node of a placed device. Its `reg` and `interrupts` are generated from the placement. */
export interface DeviceNode {
  /** Name without the unit address, which is generated; with `reg: 'none'` the whole name. */
  readonly name: string;
  readonly label?: string;
  /** Label of the parent, by default the root. Its cell counts determine the form of `reg`. */
  readonly parent?: string;
  /** `none`: neither reg nor interrupts (keys on a GPIO, glue). By default `window`. */
  readonly reg?: 'window' | 'none';
  /** Length in `reg`, when the node describes only the start of the window. */
  readonly regBytes?: number;
  /** Unit address, when it is not the window's base (a PCIe host has that of its MMIO window). */
  readonly unitAddress?: number;
  /** CPU address at which the parent's address space starts; 0 without it (identity `ranges`). */
  readonly parentBase?: number;
  /** Names of other placements whose windows follow in `reg`. */
  readonly moreWindows?: readonly string[];
  readonly properties: PropertySources;
  readonly children?: readonly NodeSource[];
}

/** Device on the bus. Nothing else of the board may be in [base, base + size). */
export interface DevicePlacement {
  /** Unique on the board; events and error messages use it. */
  readonly name: string;
  readonly model: DeviceModel;
  readonly part?: DevicePart;
  readonly base: PhysAddr;
  readonly size: number;
  /** Reset values of `storage` registers that are not zero, by offset. */
  readonly resetValues?: ReadonlyMap<number, number>;
  /** Interrupt lines of the device, in the order of its tree node. */
  readonly irqs?: readonly Interrupt[];
  /** Tree nodes of the device: none, one, or several that share the window. */
  readonly nodes: readonly DeviceNode[];
}

/** A bank of RAM. */
export interface RamBank {
  readonly base: PhysAddr;
  readonly size: number;
}

/** RAM with an owner other than the kernel. */
export interface ReservedRegion {
  /** Name of its node under /reserved-memory, with its unit address if it has one. */
  readonly name: string;
  readonly base: PhysAddr;
  readonly size: number;
  /** The operating system must not even map it (Devicetree Specification v0.4, 3.5.4). */
  readonly noMap: boolean;
}

/** A CPU core. */
export interface Cpu {
  /** Affinity fields of MPIDR_EL1: `reg` of its node, and its name in PSCI calls. */
  readonly mpidr: number;
  /** MPIDR_EL1 as the core reads it, low 32 bits. */
  readonly mpidrEl1: number;
  readonly midr: number;
  readonly compatible: string;
  readonly cluster: number;
  readonly socket?: number;
  /**
   * Address of this core's spin table entry (`cpu-release-addr`, booting.rst), for a board without
   * PSCI. The boot firmware reads the core's entry point there. The boot core also has one, but
   * does not wait.
   */
  readonly releaseAddress?: PhysAddr;
}

/** Core type: name and MIDR_EL1. */
export interface CpuType {
  readonly name: string;
  readonly midr: number;
  /** True for extensions of Armv8.1 and 8.2, which only the own core has. */
  readonly isArmv82: boolean;
}

/** The conduit of PSCI (Arm DEN 0022, 5). */
export interface Psci {
  readonly method: 'hvc' | 'smc';
  readonly compatible: readonly string[];
  /** Function identifiers as properties, for consumers of PSCI 0.1. */
  readonly functionIds: Readonly<Record<string, number>>;
}

/** The generic timer (Arm ARM DDI 0487, D12). */
export interface Timer {
  /** CNTFRQ_EL0. */
  readonly frequencyHz: number;
  readonly compatible: readonly string[];
  /** Secure and non-secure physical, virtual, hypervisor physical; hypervisor virtual if listed. */
  readonly interrupts: readonly Interrupt[];
  readonly alwaysOn: boolean;
}

/** The interrupt controller. */
export interface InterruptController {
  readonly version: 2 | 3;
  /** Shared inputs. */
  readonly spis: number;
  /** Security states visible to software below EL3 (IHI 0069, GICD_CTLR.DS). */
  readonly securityView: 'single' | 'non-secure';
  /** Label of its node. */
  readonly label: string;
  /** Cells of an interrupt specifier. */
  readonly cells: 3 | 4;
  /** Bits 15:8 of each PPI's flags: the cores with GICv2, 0 with GICv3. */
  readonly ppiCpuMask: number;
}

/** Code that the first core executes at reset. */
export interface Firmware {
  /** Name of the image in firmware/. */
  readonly image: string;
  /**
   * Placement that contains it: executable, read-only memory. Null: it is in RAM, put there by an
   * earlier boot stage, and the tree's reservation block keeps the kernel out.
   */
  readonly device: string | null;
  /** Reset vector, and length of the placement or of the reservation. */
  readonly base: PhysAddr;
  readonly size: number;
  /** True when a user's image may replace it (`--bios`). */
  readonly replaceable: boolean;
}

/** Placement rules for images of unknown size. load-plan.ts turns them into addresses. */
export interface LoadRules {
  /**
   * Offset from the first bank's start of a kernel with text_offset 0x80000 (arm64/booting.rst).
   */
  readonly kernelOffset: number;
  /** Address of a guest's kernel. Absent: its text_offset decides. */
  readonly guestKernel?: PhysAddr;
  /** Preferred addresses, best first. */
  readonly initrd: readonly PhysAddr[];
  /** Preferred addresses, best first; without one, the next 2 MiB boundary after the initrd. */
  readonly dtb: readonly PhysAddr[];
}

/** Serial line of the kernel's console. */
export interface KernelConsole {
  /** Name of the placement and label of its node. */
  readonly device: string;
  readonly model: 'pl011' | 'gs101-uart';
  readonly base: PhysAddr;
}

/**
 * Part of the tree's root, in the board's order. `devices` places root-level device nodes by name,
 * or all remaining ones.
 */
export type RootItem =
  | NodeSource
  | { readonly section: 'aliases' | 'chosen' | 'cpus' | 'memory' | 'psci' | 'reserved-memory' | 'timer' }
  | { readonly devices: readonly string[] | 'rest' };

/** A configured board. */
export interface Board {
  /** Name on the command line. */
  readonly name: string;
  /** Root `model` and `compatible`. */
  readonly model: string;
  readonly compatible: readonly string[];
  readonly rootCells: { readonly address: 1 | 2; readonly size: 1 | 2 };
  /** Cores that exist; the first one boots. */
  readonly cpus: readonly Cpu[];
  /** Sorted by base, disjoint. */
  readonly ramBanks: readonly RamBank[];
  /** Null: cores wait in the spin table of {@link Cpu.releaseAddress}; calls have no answer. */
  readonly psci: Psci | null;
  readonly timer: Timer;
  readonly interruptController: InterruptController;
  /** Simulated instructions per second. */
  readonly instructionsPerSecond: number;
  readonly devices: readonly DevicePlacement[];
  readonly firmware: Firmware;
  /** Reserved regions: inside RAM, disjoint. */
  readonly reserved: readonly ReservedRegion[];
  readonly load: LoadRules;
  readonly kernelConsole: KernelConsole;
  /** Paths of nodes that the boot loader disables in any tree it loads. */
  readonly switchedOff?: readonly string[];
  /** /aliases: alias to label. */
  readonly aliases: Readonly<Record<string, string>>;
  readonly tree: readonly RootItem[];
}

/** Options that a user may set. */
export interface BoardOptions {
  /** RAM in bytes. */
  readonly memoryBytes?: number | undefined;
  readonly cpus?: number | undefined;
  readonly gicVersion?: number | undefined;
  /** Exception level at which the guest is entered: 1 or 2. */
  readonly el?: number | undefined;
  /** Core type, for boards without cores of their own: {@link BoardLimits.cpuTypes}. */
  readonly cpuType?: string | undefined;
}

/** {@link BoardOptions} with every value present and inside the limits. */
export interface BoardConfig {
  readonly memoryBytes: number;
  readonly cpus: number;
  readonly gicVersion: 2 | 3;
  readonly el: 1 | 2;
  /** Null: the board has cores of its own. */
  readonly cpuType: CpuType | null;
}

/** Ranges of the options, both ends allowed. */
export interface BoardLimits {
  readonly memoryBytes: { readonly min: number; readonly max: number };
  readonly cpus: { readonly min: number; readonly max: number };
  readonly gicVersions: readonly (2 | 3)[];
  /** Empty when the board has cores of its own. */
  readonly cpuTypes: readonly CpuType[];
}

/** A board that can be configured. */
export interface BoardDefinition {
  readonly name: string;
  /** Full name, for people. */
  readonly title: string;
  readonly limits: BoardLimits;
  /** @throws BoardError when an option is outside its limits, naming the value and the range */
  create(options?: BoardOptions): Board;
}
