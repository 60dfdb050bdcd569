// SPDX-License-Identifier: GPL-2.0-only
/**
 * kmain: the boot order, with a reason for each step.
 *
 * Entered by `_start` (firmware/kernel/head.S) with the MMU on, on the boot stack, in the high
 * half.
 */

import { alignDown, hex, PAGE_SIZE, type PhysAddr, physAddr } from '#common/address.ts';
import { findConsole } from '#kernel-ts/hal/console/console-drivers.ts';
import type { Ports } from '#kernel-ts/hal/ports.ts';
import { chosen, cpuReg, cpus, type DeviceNode, type Fdt, memoryRanges, psci } from '#fdt/index.ts';
import type { KernelContext } from './context.ts';
import { type BootDeviceTree, readDeviceTree } from './device-tree.ts';
import { mapRegisters } from './device-registers.ts';
import { count, phys, size, span } from '#common/quantities.ts';
import type { KernelImage } from './image.ts';
import { bringUpInterrupts } from './interrupts/bring-up.ts';
import type { ConsoleInput } from './interrupts/console-input.ts';
import type { Interrupts } from './interrupts/interrupts.ts';
import type { Log } from './log.ts';
import { BootReport } from './mm/boot-report.ts';
import { DIRECT_MAP_BYTES } from './direct-map.ts';
import { describeFaults, isFaultless, type MemoryFaults } from './mm/faults/memory-faults.ts';
import { includes, type Range } from '#common/range.ts';
import { initMemory, type MemorySystem } from './mm/memory.ts';
import { KernelPanic } from './panic.ts';
import { powerSwitch } from './power.ts';
import { startUserSpace } from './process/start.ts';
import { openShell, type Shell } from './shell/shell.ts';
import type { TrapFrame } from './trap-frame.ts';
import type { UserSpace } from './user-space.ts';

/** Settings of a kernel build or load, which do not come from the device tree. */
export interface KernelConfig {
  /**
   * UART to use before the device tree is read, and for good if the tree names none: a driver's
   * `compatible` and a physical address.
   */
  readonly earlyConsole: { readonly compatible: string; readonly base: PhysAddr };
  /**
   * Number of bytes of device tree that were loaded; less than totalsize means truncated. Null:
   * unknown.
   */
  readonly deviceTreeBytes: number | null;
  /** Injected memory faults; none when absent. */
  readonly memoryFaults?: MemoryFaults;
}

/** Kernel while kmain boots it. The progress of the boot is stored here, for panics and tools. */
export interface BootingKernel {
  readonly ports: Ports;
  readonly image: KernelImage;
  readonly config: KernelConfig;
  readonly log: Log;
  /** Trap frame of the idle loop, saved there when an interrupt interrupts it. */
  readonly idleFrame: TrapFrame;
  /** Device tree, once it was found readable. */
  tree: Fdt | null;
  /** Memory, once it is up. */
  memory: MemorySystem | null;
  /** Interrupts; null without an interrupt controller. */
  interrupts: Interrupts | null;
  /** Console input; null when the console's UART cannot interrupt. */
  input: ConsoleInput | null;
  /** Maintenance shell; null without console input. */
  shell: Shell | null;
  userSpace: UserSpace;
  /** Called when console input has come. @returns the frame to continue with */
  inputArrived(frame: TrapFrame): TrapFrame;
  /** Called every hundredth of a second. @returns the frame to continue with */
  ticked(frame: TrapFrame): TrapFrame;
}

/**
 * Boots the kernel to its steady state.
 * @returns the frame to continue with: that of the idle loop, or of the first process
 * @throws KernelPanic and whatever an unmapped access throws
 */
export function kmain(kernel: BootingKernel): TrapFrame {
  const { log } = kernel;
  log.console.init(); // first, so that every later failure can be reported
  log.stage(1);
  describeCpu(kernel);
  const tree = findDeviceTree(kernel);
  kernel.tree = tree.fdt;
  checkConsoleIsNoRam(kernel, tree.fdt);

  log.stage(2);
  const { memoryFaults = {} } = kernel.config;
  if (!isFaultless(memoryFaults)) log.line('FAULT', `on purpose: ${describeFaults(memoryFaults)}`);
  const memory = initMemory(
    kernel.ports,
    kernel.image,
    tree,
    [consolePage(kernel)],
    new BootReport(log, kernel.ports.trace, tree.fdt),
    memoryFaults,
  );
  kernel.memory = memory;

  log.stage(3);
  const { ports, idleFrame } = kernel;
  const context: KernelContext = { ports, log, fdt: tree.fdt, memory, idleFrame };
  const consoleNode = openBootConsole(context, kernel.config);

  log.stage(4);
  describeMachine(context);
  const { interrupts, input } = bringUpInterrupts(context, consoleNode, {
    tick: (frame) => kernel.ticked(frame),
    input: (frame) => kernel.inputArrived(frame),
  });
  kernel.interrupts = interrupts;
  kernel.input = input;

  log.stage(5);
  const { totalFrames, freeFrames } = memory.buddy.counts();
  ports.trace.emit('memory', { what: 'steady', totalFrames, freeFrames });
  log.line(
    'BOOT',
    `steady state: ${freeFrames} of ${totalFrames} frames free (${size(freeFrames * PAGE_SIZE)}), waiting for interrupts`,
  );
  const power = powerSwitch(ports.firmware, tree.fdt);
  kernel.userSpace = startUserSpace(context, power, input);
  if (input !== null) kernel.shell = openShell(context, power, input, kernel.userSpace);
  return kernel.userSpace.schedule(idleFrame);
}

function describeCpu({ log, ports, image }: BootingKernel): void {
  const { registers } = ports;
  const affinity = registers.read('MPIDR_EL1') & 0xff_00ff_ffffn;
  const level = (registers.read('CurrentEL') >> 2n) & 3n;
  log.line(
    'BOOT',
    `LevitateOS on core ${hex(affinity)}, MIDR ${hex(registers.read('MIDR_EL1'))}, EL${level}, counter ${registers.read('CNTFRQ_EL0')} Hz`,
  );
  const { text, rodata, data, stack, whole } = image;
  log.line(
    'BOOT',
    `image ${span(whole.start, whole.end)}: text ${bytes(text)}, rodata ${bytes(rodata)}, data ${bytes(data)}, stack ${bytes(stack)}`,
  );
  const vectors = registers.read('VBAR_EL1');
  if (vectors !== image.virtual('vectors')) {
    throw new KernelPanic(
      'The kernel image is not where its symbols say',
      `VBAR_EL1 is ${hex(vectors)}, the symbols put the vectors at ${hex(image.virtual('vectors'))}`,
    );
  }
}

function findDeviceTree({ log, ports, image, config }: BootingKernel): BootDeviceTree {
  const x0 = ports.memory.read64(image.virtual('boot_args'));
  const tree = readDeviceTree(ports.memory, x0, config.deviceTreeBytes);
  const { root, header } = tree.fdt;
  const model = root.findProperty('model')?.text ?? 'no model';
  log.line(
    'DTB',
    `${phys(tree.base)}: ${tree.bytes} bytes, version ${header.version}, ${count([...tree.fdt.nodes()].length, 'node')}, "${model}"`,
  );
  const { bootargs } = chosen(tree.fdt);
  if (bootargs !== null && bootargs !== '') log.line('DTB', `command line: ${bootargs}`);
  return tree;
}

/** Size of the registers that every console driver uses, in bytes. */
const CONSOLE_BYTES = 0x1000;

/** Pages of the early console's registers, which must stay mapped when the tables change. */
function consolePage({ config }: BootingKernel): Range {
  const start = alignDown(config.earlyConsole.base, PAGE_SIZE);
  return { start, end: start + PAGE_SIZE };
}

/**
 * Checks that the tree has no RAM at the console's address: such a tree describes another machine,
 * and frames there would be device registers.
 * @throws KernelPanic when it has
 */
function checkConsoleIsNoRam({ config }: BootingKernel, fdt: Fdt): void {
  const { base, compatible } = config.earlyConsole;
  const range = memoryRanges(fdt).find((ram) => includes(ram, BigInt(base)));
  if (range === undefined) return;
  throw new KernelPanic(
    'The device tree names RAM where devices are',
    `${range.path} has RAM from ${hex(range.start)} to ${hex(range.end)}, and ${compatible} is at ${hex(base)} in it: the tree is another machine's`,
  );
}

/**
 * Switches to the console that /chosen names, if it has a driver.
 * @returns the node of the console in use, null when the tree has none
 */
function openBootConsole({ log, ports, memory, fdt }: KernelContext, config: KernelConfig): DeviceNode | null {
  const { compatible, base: earlyBase } = config.earlyConsole;
  const early = fdt.findCompatible(compatible).find((node) => registersOf(node) === earlyBase) ?? null;
  const { stdout, stdoutPath } = chosen(fdt);
  if (stdout === null) {
    log.line('BOOT', `console: no stdout-path in /chosen, staying on the early one at ${phys(earlyBase)}`);
    return early;
  }
  const base = registersOf(stdout);
  const driver = findConsole(stdout.findProperty('compatible')?.stringList() ?? []);
  const va = driver === null || base === null ? null : mapRegisters(memory, base, CONSOLE_BYTES);
  const isEarly = base === earlyBase && driver?.compatible === compatible;
  // The tree may be that of another board, so the device is checked before it is used.
  const mismatch = driver === null || va === null || isEarly ? null : driver.whyNot(ports.probe, va);
  if (driver === null || base === null || va === null || mismatch !== null) {
    const why =
      driver === null
        ? 'no driver for it'
        : base === null
          ? 'its registers have no address'
          : va === null
            ? `its registers at ${phys(base)} are memory`
            : `there is no ${driver.compatible} at ${phys(base)}: ${mismatch}`;
    log.line('BOOT', `console: ${stdoutPath}: ${why}, staying on the early one at ${phys(earlyBase)}`);
    return early;
  }
  // The early console is initialised already; a second time would drop typed input.
  if (!isEarly) {
    log.console = driver.create(ports.mmio, va);
    log.console.init();
  }
  log.line('BOOT', `console: ${stdout.path}, ${driver.compatible} at ${phys(base)}`);
  return stdout;
}

/** CPU address of a node's first register window, or null. */
function registersOf(node: DeviceNode): PhysAddr | null {
  const address = cpuReg(node)?.[0]?.address;
  return address === undefined || address >= BigInt(DIRECT_MAP_BYTES) ? null : physAddr(Number(address));
}

/** Logs the device tree's description of the rest of the machine. */
function describeMachine({ log, fdt, memory: { initrd } }: KernelContext): void {
  const cores = cpus(fdt).filter(({ available }) => available);
  const kinds = new Map<string, number>();
  for (const { compatible } of cores) {
    const name = compatible[0] ?? 'unknown';
    kinds.set(name, (kinds.get(name) ?? 0) + 1);
  }
  const list = [...kinds].map(([name, n]) => `${n} x ${name}`).join(', ');
  log.line('DTB', cores.length === 0 ? 'no core is named' : `${count(cores.length, 'core')}: ${list}`);
  const firmware = psci(fdt);
  log.line('DTB', firmware === null ? 'no PSCI' : `PSCI ${firmware.version} by ${firmware.method.toUpperCase()}`);
  log.line('DTB', initrd === null ? 'no initramfs' : `initramfs ${span(Number(initrd.start), Number(initrd.end))}`);
}

const bytes = ({ start, end }: Range): string => size(end - start);
