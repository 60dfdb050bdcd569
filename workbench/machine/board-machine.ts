// SPDX-License-Identifier: GPL-2.0-only
/**
 * A machine from a board's data: memory, devices, serial line, reset firmware. boot-plan.ts decides
 * what is loaded into it.
 */

import type { Board, DevicePlacement } from '#boards/types.ts';
import { gs101ResetValues } from '#emulator/devices/gs101-reset-values.ts';
import { CfiFlash } from '#emulator/devices/cfi-flash.ts';
import { createDevice } from '#emulator/devices/registry.ts';
import { isSerialDevice, type SerialDevice } from '#emulator/devices/serial-device.ts';
import type { BlockBackend } from '#emulator/devices/virtio/block-backend.ts';
import { VirtioBlock } from '#emulator/devices/virtio/virtio-block.ts';
import { VirtioEntropy } from '#emulator/devices/virtio/virtio-entropy.ts';
import type { VirtioModel } from '#emulator/devices/virtio/virtio-model.ts';
import { SerialLine } from '#emulator/devices/serial-line.ts';
import type { CoreFactory } from '#emulator/cpu/machine-core.ts';
import type { EventKind } from './event-kinds.ts';
import { Machine } from '#emulator/machine/machine.ts';
import { noteUsed } from '#emulator/machine/fixed-memory.ts';
import type { FixedMemory, MachineDevice } from '#emulator/machine/machine-options.ts';
import type { MemoryBank } from '#emulator/memory/physical-memory.ts';
import { InputError } from '#workbench/input-error.ts';
import { connectInterrupts } from './interrupt-controller.ts';
import { GS101_SMC_PMU_REGISTER, gs101PmuCall } from '#emulator/psci/gs101-smc.ts';
import { readFirmwareImage } from '#host/firmware-images.ts';

/** A machine with its serial line. */
export interface BoardMachine {
  readonly board: Board;
  readonly machine: Machine;
  /** Takes the bytes that the console UART sends. */
  readonly serial: SerialLine;
  /** The console UART, for input. */
  readonly console: SerialDevice;
}

export interface BoardMachineOptions {
  readonly board: Board;
  /** RAM that replaces the board's own banks. */
  readonly banks?: readonly MemoryBank[] | undefined;
  /** The reset firmware: the contents of its placement. */
  readonly firmware: Uint8Array;
  readonly cores: CoreFactory;
  /** The guest is entered at EL2. */
  readonly guestHasEl2?: boolean;
  /** Disks behind the board's virtio slots, the last slot first. */
  readonly disks?: readonly BlockBackend[];
  /** When there is a seed, the slot after the disks holds an entropy source. */
  readonly seed?: number | bigint | undefined;
  readonly trace?: readonly EventKind[];
}

/** Parameters of the reset firmware, at fixed offsets in its image: firmware/reset/reset.inc. */
const BOOT_KERNEL_OFFSET = 0x08;
const BOOT_DTB_OFFSET = 0x10;
const BOOT_FLAGS_OFFSET = 0x18;
const BOOT_FLAG_GIC_SYSTEM_REGISTERS = 1n;
const BOOT_STATE_OFFSET = 0x20;
const BOOT_STATE_EL2H = 0x3c9n;
const BOOT_BANNER_OFFSET = 0x28;
const BOOT_BANNER_EL2_OFFSET = 0x30;

/**
 * The board's reset firmware, with the addresses of kernel and device tree and the kernel's level
 * filled in.
 */
export function resetFirmware(board: Board, kernelEntry: number, deviceTree: number, level = 1): Uint8Array {
  const image = readFirmwareImage(`${board.firmware.image}.bin`);
  const view = new DataView(image.buffer);
  view.setBigUint64(BOOT_KERNEL_OFFSET, BigInt(kernelEntry), true);
  view.setBigUint64(BOOT_DTB_OFFSET, BigInt(deviceTree), true);
  const flags = board.interruptController.version === 3 ? BOOT_FLAG_GIC_SYSTEM_REGISTERS : 0n;
  view.setBigUint64(BOOT_FLAGS_OFFSET, flags, true);
  if (level === 2) {
    view.setBigUint64(BOOT_STATE_OFFSET, BOOT_STATE_EL2H, true);
    view.setBigUint64(BOOT_BANNER_OFFSET, view.getBigUint64(BOOT_BANNER_EL2_OFFSET, true), true);
  }
  return image;
}

/**
 * The device behind each virtio slot, by the placement's name. Slots are filled from the last one
 * down, as in QEMU.
 * @throws InputError
 */
function plugIn(board: Board, { disks = [], seed }: BoardMachineOptions): Map<string, VirtioModel> {
  const models: VirtioModel[] = disks.map((disk) => new VirtioBlock(disk));
  const slots = board.devices.filter(({ model }) => model === 'virtio-mmio').toReversed();
  if (seed !== undefined && slots.length > models.length) models.push(new VirtioEntropy(BigInt(seed)));
  if (models.length > slots.length) {
    throw new InputError(`--drive: ${board.name} has ${slots.length} virtio slots, ${models.length} disks were given`);
  }
  return new Map(models.map((model, i) => [(slots[i] as DevicePlacement).name, model]));
}

const isMemory = (model: DevicePlacement['model']): model is 'rom' | 'sram' => model === 'rom' || model === 'sram';

/** The firmware's read-only memory, and SRAM. */
function fixedMemoryOf(board: Board, firmware: Uint8Array): FixedMemory[] {
  return board.devices
    .filter(({ name, model }) => isMemory(model) || name === board.firmware.device)
    .map(({ name, base, size }) =>
      name === board.firmware.device
        ? { name, base, size, access: 'rx', bytes: firmware }
        : { name, base, size, access: 'rwx', bytes: new Uint8Array() },
    );
}

/** Connects the flash model when the reset vector's memory is flash. */
function attachFlash(board: Board, machine: Machine): void {
  const { device: name } = board.firmware;
  const memory = machine.fixedMemory.find((fixed) => fixed.name === name);
  const isFlash = board.devices.some((device) => device.name === name && device.model === 'cfi-flash');
  if (name === null || memory === undefined || !isFlash) return;
  const flash = new CfiFlash({
    name,
    contents: memory.bytes,
    context: machine.deviceContext(() => {}),
    onArrayMode: (arrayMode) => onArrayMode(arrayMode),
    onContents: (_, end) => noteUsed(memory, end),
  });
  const onArrayMode = machine.attachFlash(name, flash);
}

/** Answers the silicon vendor's calls to the board's firmware. */
function serveVendorCalls(board: Board, machine: Machine): void {
  const pmu = board.devices.find(({ model }) => model === 'gs101-pmu');
  if (pmu === undefined) return;
  machine.setVendorCalls((functionId, arguments_) =>
    functionId === GS101_SMC_PMU_REGISTER ? gs101PmuCall(machine.bus, pmu, arguments_) : null,
  );
}

/**
 * Builds the machine and places every device of the board on its bus.
 * @throws BusOverlapError and the typed errors of memory and devices
 */
export function buildBoardMachine(options: BoardMachineOptions): BoardMachine {
  const { board } = options;
  const machine = new Machine({
    banks: options.banks ?? board.ramBanks,
    fixedMemory: fixedMemoryOf(board, options.firmware),
    mpidrs: board.cpus.map(({ mpidrEl1 }) => mpidrEl1),
    midrs: board.cpus.map(({ midr }) => midr),
    instructionsPerSecond: board.instructionsPerSecond,
    counterFrequencyHz: board.timer.frequencyHz,
    guestHasEl2: options.guestHasEl2 === true,
    psciConduit: board.psci?.method ?? null,
    releaseAddresses: board.cpus.map(({ releaseAddress }) => releaseAddress ?? null),
    gicSystemRegisters: board.interruptController.version === 3,
    cores: options.cores,
    ...(options.trace === undefined ? {} : { trace: options.trace }),
  });
  const serial = new SerialLine();
  let consoleDevice: SerialDevice | null = null;
  const devices: MachineDevice[] = [];
  const interrupts = connectInterrupts(board, machine);
  const plugged = plugIn(board, options);
  for (const placement of board.devices) {
    const { name, model, base, size } = placement;
    // The machine has mapped it.
    if (isMemory(model) || name === board.firmware.device) continue;
    const device =
      model === 'gicv2' || model === 'gicv3'
        ? interrupts.deviceFor(placement)
        : createDevice(
            model,
            { name, base, size, resetValues: placement.resetValues ?? gs101ResetValues(name) },
            machine.deviceContext((level) => interrupts.setLine(placement, 0, level)),
            {
              ...(name === board.kernelConsole.device ? { onTransmit: (byte: number) => serial.transmit(byte) } : {}),
              timers: machine,
              memory: machine.memory,
              cpus: board.cpus.length,
              setLine: (line, level) => interrupts.setLine(placement, line, level),
              onPower: (request) => machine.requestPower(request),
              ...(plugged.has(name) ? { virtio: plugged.get(name) as VirtioModel } : {}),
            },
          );
    if (name === board.kernelConsole.device && isSerialDevice(device)) consoleDevice = device;
    devices.push({ name, base, size, device, answers: model !== 'absent' });
  }
  if (consoleDevice === null) {
    throw new Error(`board ${board.name}: ${board.kernelConsole.device} is not a serial device`);
  }
  machine.attach(devices);
  attachFlash(board, machine);
  serveVendorCalls(board, machine);
  serial.onLine((text) => machine.events.emit('serial', { text }));
  return { board, machine, serial, console: consoleDevice };
}
