// SPDX-License-Identifier: GPL-2.0-only
/**
 * The types of a board, which is data. The machine places devices on its bus from it, and the
 * device tree is generated from the same data (device-tree.ts), so the two cannot disagree.
 *
 * It is not the machine: nothing here runs. To add a board, write one file that calls `defineBoard`
 * and list it in registry.ts.
 *
 *   Board
 *    |- ramBanks     [base, base + size) ...            -> physical memory, /memory
 *    |- devices      name, model, base, size, irqs      -> bus;  nodes -> device tree
 *    |- reserved     base, size, no-map, owner          -> /reserved-memory
 *    |- cpus, psci, timer, interruptController          -> CPU cores, /cpus, /psci, /timer
 *    `- firmware, load, kernelConsole                   -> where things start and what they print on
 *
 * Addresses and sizes are in bytes. Ranges are half-open.
 */

import type { PhysAddr } from '#common/address.ts';
import type { ModelKey } from '#emulator/devices/registry.ts';
import type { Interrupt, NodeSource, PropertySources } from './tree-source.ts';

/**
 * Device models that a placement may name; the machine decides what stands behind a key. Two are
 * not chips: `storage` is 32-bit registers that reset to zero and read back what was written;
 * `absent` answers nothing: an access is an external abort, and the placement only gives the event
 * a name.
 */
export type DeviceModel = ModelKey | 'rom' | 'sram' | 'gicv2' | 'gicv3';

/** A register window of a device that has several (the GIC has two to four). */
export type DevicePart = 'distributor' | 'cpu-interface' | 'redistributor' | 'virtual-control' | 'virtual-interface';

/** A tree node of a placed device. Its `reg` and `interrupts` are generated from the placement. */
export interface DeviceNode {
  /** Name without unit address, which is generated; with `reg: 'none'` the name as it is. */
  readonly name: string;
  readonly label?: string;
  /** Label of the parent, by default the root. Its cells shape `reg`. */
  readonly parent?: string;
  /** `none`: neither reg nor interrupts (keys on a GPIO, glue). By default `window`. */
  readonly reg?: 'window' | 'none';
  /** Length in `reg` where the node describes only the start of the window. */
  readonly regBytes?: number;
  /** Unit address where it is not the window's base (a PCIe host has its MMIO window's). */
  readonly unitAddress?: number;
  /** CPU address at which the parent's address space starts; 0 without it (identity `ranges`). */
  readonly parentBase?: number;
  /** Names of other placements whose windows follow in `reg`. */
  readonly moreWindows?: readonly string[];
  readonly properties: PropertySources;
  readonly children?: readonly NodeSource[];
}

/** A device on the bus. Nothing else of the board may lie in [base, base + size). */
export interface DevicePlacement {
  /** Unique on the board; events and error messages use it. */
  readonly name: string;
  readonly model: DeviceModel;
  readonly part?: DevicePart;
  readonly base: PhysAddr;
  readonly size: number;
  /** Registers of `storage` that do not reset to zero, by offset. */
  readonly resetValues?: ReadonlyMap<number, number>;
  /** Lines that the device drives, in the order of its tree node. */
  readonly irqs?: readonly Interrupt[];
  /** Nodes that describe it: none, one, or several that share the window. */
  readonly nodes: readonly DeviceNode[];
}

/** A bank of RAM. */
export interface RamBank {
  readonly base: PhysAddr;
  readonly size: number;
}

/** RAM with an owner other than the kernel. */
export interface ReservedRegion {
  /** Name of its node under /reserved-memory, with its unit address where it has one. */
  readonly name: string;
  readonly base: PhysAddr;
  readonly size: number;
  /** The operating system must not even map it (Devicetree Specification v0.4, 3.5.4). */
  readonly noMap: boolean;
  /**
   * The source of the reservation: the tree that ships with the kernel, or the boot loader.
   */
  readonly owner: 'device-tree' | 'boot-loader';
}

/** A CPU core. */
export interface Cpu {
  /** Affinity fields of MPIDR_EL1: `reg` of its node and what PSCI calls it. */
  readonly mpidr: number;
  /** MPIDR_EL1 as the core reads it, low 32 bits. */
  readonly mpidrEl1: number;
  readonly midr: number;
  readonly compatible: string;
  readonly cluster: number;
  readonly socket?: number;
  /**
   * Address of this core's spin table entry (`cpu-release-addr`, booting.rst), for a board without
   * PSCI. The boot firmware reads the core's entry point there. The boot core has one too, but does
   * not wait for it.
   */
  readonly releaseAddress?: PhysAddr;
}

/** A type of cores: what it is called, and MIDR_EL1. */
export interface CpuType {
  readonly name: string;
  readonly midr: number;
  /** Extensions of Armv8.1 and 8.2, which the own core has and Unicorn's has not. */
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
  /** The security states that software below EL3 sees (IHI 0069, GICD_CTLR.DS). */
  readonly securityView: 'single' | 'non-secure';
  /** Label of its node. */
  readonly label: string;
  /** Cells of an interrupt specifier. */
  readonly cells: 3 | 4;
  /** Bits 15:8 of each PPI's flags: the cores with GICv2, 0 with GICv3. */
  readonly ppiCpuMask: number;
}

/** The code that the first core executes at reset. */
export interface Firmware {
  /** Name of the image in firmware/. */
  readonly image: string;
  /**
   * Placement whose contents it is: executable, read-only memory. Null: it lies in RAM, where an
   * earlier boot stage has put it, and the tree's reservation block keeps the kernel out.
   */
  readonly device: string | null;
  /** Reset vector, and length of the placement or of the reservation. */
  readonly base: PhysAddr;
  readonly size: number;
  /** True when a user's own image may take its place (`--bios`). */
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

/** The serial line that carries the kernel's console. */
export interface KernelConsole {
  /** Name of the placement and label of its node. */
  readonly device: string;
  readonly model: 'pl011' | 'gs101-uart';
  readonly base: PhysAddr;
}

/**
 * A part of the tree's root, in the order a board wants. `devices` places root-level device nodes
 * by name, or all that are left.
 */
export type RootItem =
  | NodeSource
  | { readonly section: 'aliases' | 'chosen' | 'cpus' | 'memory' | 'psci' | 'reserved-memory' | 'timer' }
  | { readonly devices: readonly string[] | 'rest' };

/** A configured board. */
export interface Board {
  /** Name on the command line. */
  readonly name: string;
  /** For people. */
  readonly title: string;
  readonly soc: string;
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
  /** Rate at which retired instructions make simulated time. */
  readonly instructionsPerSecond: number;
  readonly devices: readonly DevicePlacement[];
  readonly firmware: Firmware;
  /** Inside RAM, disjoint. */
  readonly reserved: readonly ReservedRegion[];
  readonly load: LoadRules;
  readonly kernelConsole: KernelConsole;
  /** Nodes that the boot loader switches off in any tree it loads, by path. */
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
  /** Type of the cores, where the board has no own: {@link BoardLimits.cpuTypes}. */
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
  /** None: the board has cores of its own. */
  readonly cpuTypes: readonly CpuType[];
}

/** A board that can be configured. */
export interface BoardDefinition {
  readonly name: string;
  readonly title: string;
  readonly defaults: Omit<BoardConfig, 'el'>;
  readonly limits: BoardLimits;
  /** @throws BoardError when an option is outside its limits, naming the value and the range */
  create(options?: BoardOptions): Board;
}
