// SPDX-License-Identifier: GPL-2.0-only
/**
 * Creates devices by the model keys of a board's data. The table below has one line for each key.
 *
 * Not here: `rom` and `sram`, which the machine maps like RAM, and the interrupt controllers, one
 * model behind several placements (see boards/types.ts).
 */

import type { Device, DeviceContext } from '#emulator/bus/device.ts';
import { NO_TIMERS, type TimerPort } from '#emulator/bus/timer-port.ts';
import { AbsentDevice } from './absent-device.ts';
import { Bcm2711Cprman } from './bcm2711-cprman.ts';
import { Bcm2835Mailbox } from './bcm2835-mailbox.ts';
import { Bcm2835Pm } from './bcm2835-pm.ts';
import { Bcm2835SystemTimer } from './bcm2835-system-timer.ts';
import { CfiFlash, type CfiFlashOptions, FLASH_BLOCK_BYTES } from './cfi-flash.ts';
import { ExynosMct, GS101_MCT_HZ } from './exynos-mct.ts';
import { ExynosWatchdog } from './exynos-watchdog.ts';
import { FwCfg } from './fw-cfg.ts';
import { Gs101Pmu } from './gs101-pmu.ts';
import { Gs101Uart } from './gs101-uart.ts';
import type { MemoryPort } from './memory-port.ts';
import { PcieEcam } from './pcie-ecam.ts';
import { Pl011 } from './pl011.ts';
import { Pl031 } from './pl031.ts';
import { Pl061 } from './pl061.ts';
import { RegisterStorage } from './register-storage.ts';
import type { TransmitListener } from './serial-device.ts';
import { VirtioMmio } from './virtio/virtio-mmio.ts';
import type { VirtioModel } from './virtio/virtio-model.ts';

/** Place of a device on the bus, and its state after reset. */
export interface DevicePlacement {
  /** Node name: "serial@10a00000". */
  readonly name: string;
  /** Physical address. */
  readonly base: number;
  /** Size in bytes. */
  readonly size: number;
  /** For models that are register storage: reset values by offset, see register-storage.ts. */
  readonly resetValues?: ReadonlyMap<number, number>;
}

/** Connections of a device to the host. Each may be absent; its comment says what happens then. */
export interface DeviceHost {
  /** Receives the bytes that a UART sends. Absent: they are lost. */
  readonly onTransmit?: TransmitListener;
  /** Waits in simulated time. Absent: alarms and timers never fire. */
  readonly timers?: TimerPort;
  /**
   * RAM, for devices that master the bus. Absent: fw_cfg offers no DMA, and a virtio slot is empty.
   */
  readonly memory?: MemoryPort;
  /** Initial value of a real-time clock, seconds since 1970 UTC. Absent: 0. */
  readonly epochSeconds?: number;
  /** Number of cores that fw_cfg reports. Absent: 1. */
  readonly cpus?: number;
  /** Device in a virtio slot. Absent: none. */
  readonly virtio?: VirtioModel;
  /**
   * Contents and listeners of a flash bank. Absent: blank memory of the placement's size, and no
   * listeners.
   */
  readonly flash?: Partial<Omit<CfiFlashOptions, 'name' | 'context'>>;
  /** Drives the interrupt lines of a device with several, by number. Absent: not connected. */
  readonly setLine?: (line: number, level: boolean) => void;
  /** Receives a device's request to reset or power off the machine. Absent: ignored. */
  readonly onPower?: (request: 'reset' | 'off') => void;
}

type Build = (placement: DevicePlacement, context: DeviceContext, host: DeviceHost) => Device;

interface Model {
  /** Size of the device's registers in bytes; a smaller placement would cut some off. */
  readonly minimumSize: number;
  readonly build: Build;
}

/** The minimum excludes the identification at 0xfe0, for which some chips have no room. */
const pl011: Model = {
  minimumSize: 0x90,
  build: ({ name }, context, { onTransmit = ignoreByte }) => new Pl011({ name, context, onTransmit }),
};

const gs101Uart: Model = {
  minimumSize: 0x40,
  build: ({ name }, context, { onTransmit = ignoreByte }) => new Gs101Uart({ name, context, onTransmit }),
};

/**
 * Plain register storage. An access to a register without a reset value is reported once: the guest
 * may wait for it in vain.
 */
const storage: Model = {
  minimumSize: 1,
  build: ({ name, size, resetValues }, context) =>
    new RegisterStorage({ name, size, context, reportUnknown: true, ...(resetValues && { resetValues }) }),
};

const pl031: Model = {
  minimumSize: 0x1000,
  build: ({ name }, context, { timers = NO_TIMERS, epochSeconds = 0 }) =>
    new Pl031({ name, context, timers, epochSeconds }),
};

const pl061: Model = {
  minimumSize: 0x1000,
  build: ({ name }, context, { timers = NO_TIMERS }) => new Pl061({ name, context, timers }),
};

const fwCfg: Model = {
  minimumSize: 0x18,
  build: ({ name }, context, { memory, cpus = 1 }) => new FwCfg({ name, context, memory, cpus }),
};

const virtioMmio: Model = {
  minimumSize: 0x200,
  build: ({ name }, context, { virtio, memory }) =>
    new VirtioMmio({
      name,
      context,
      plugged: virtio === undefined || memory === undefined ? null : { model: virtio, memory },
    }),
};

const cfiFlash: Model = {
  minimumSize: FLASH_BLOCK_BYTES,
  build: ({ name, size }, context, { flash }) =>
    new CfiFlash({ ...flash, name, context, contents: flash?.contents ?? new Uint8Array(size) }),
};

const exynosMct: Model = {
  minimumSize: 0x800,
  build: ({ name }, context, { timers = NO_TIMERS, setLine = ignoreLine }) =>
    new ExynosMct({ name, context, timers, setLine, frequencyHz: GS101_MCT_HZ }),
};

/** On gs101 the watchdogs use the same crystal as the multi-core timer. */
const exynosWatchdog: Model = {
  minimumSize: 0x14,
  build: ({ name }, context, { timers = NO_TIMERS, onPower }) =>
    new ExynosWatchdog({ name, context, timers, frequencyHz: GS101_MCT_HZ, onBite: () => onPower?.('reset') }),
};

const gs101Pmu: Model = {
  minimumSize: 0x1_0000,
  build: ({ name, resetValues }, context, { onPower }) =>
    new Gs101Pmu({
      name,
      context,
      onReset: () => onPower?.('reset'),
      onPowerOff: () => onPower?.('off'),
      ...(resetValues && { resetValues }),
    }),
};

const bcm2711Cprman: Model = {
  minimumSize: 0x2000,
  build: ({ name }, context) => new Bcm2711Cprman(name, context),
};

const bcm2835Mailbox: Model = {
  minimumSize: 0x40,
  build: ({ name }, context, { memory }) => new Bcm2835Mailbox({ name, context, memory }),
};

const bcm2835Pm: Model = {
  minimumSize: 0x114,
  build: ({ name }, context, { timers = NO_TIMERS, onPower }) =>
    new Bcm2835Pm({ name, context, timers, onPower: (request) => onPower?.(request) }),
};

const bcm2835SystemTimer: Model = {
  minimumSize: 0x1c,
  build: ({ name }, context, { timers = NO_TIMERS, setLine = ignoreLine }) =>
    new Bcm2835SystemTimer({ name, context, timers, setLine }),
};

const MODELS = {
  pl011,
  'gs101-uart': gs101Uart,
  storage,
  absent: { minimumSize: 1, build: () => new AbsentDevice() },
  pl031,
  pl061,
  'fw-cfg': fwCfg,
  'virtio-mmio': virtioMmio,
  'cfi-flash': cfiFlash,
  'pcie-ecam': { minimumSize: 0x10_0000, build: () => new PcieEcam() },
  'exynos-mct': exynosMct,
  'exynos-watchdog': exynosWatchdog,
  'gs101-pmu': gs101Pmu,
  'bcm2711-cprman': bcm2711Cprman,
  'bcm2835-mailbox': bcm2835Mailbox,
  'bcm2835-pm': bcm2835Pm,
  'bcm2835-system-timer': bcm2835SystemTimer,
} as const satisfies Readonly<Record<string, Model>>;

/** Model key that `createDevice` knows. */
export type ModelKey = keyof typeof MODELS;

/** All keys, in the table's order. */
export const MODEL_KEYS = Object.keys(MODELS) as readonly ModelKey[];

/** Thrown when a board gives a device less space than its registers take. */
export class DeviceSizeError extends RangeError {
  /** Size given, and size needed, in bytes. */
  readonly size: number;
  readonly minimumSize: number;

  constructor(key: ModelKey, placement: DevicePlacement, minimumSize: number) {
    super(`${placement.name}: ${placement.size} bytes are too few for a ${key}, which takes ${minimumSize}`);
    this.name = 'DeviceSizeError';
    this.size = placement.size;
    this.minimumSize = minimumSize;
  }
}

/**
 * Creates the device for `key`, in its reset state, not yet on a bus.
 * @throws DeviceSizeError when the placement is too small
 * @throws RangeError when a reset value does not fit the placement
 */
export function createDevice(
  key: ModelKey,
  placement: DevicePlacement,
  context: DeviceContext,
  host: DeviceHost = {},
): Device {
  const model: Model = MODELS[key];
  if (placement.size < model.minimumSize) throw new DeviceSizeError(key, placement, model.minimumSize);
  return model.build(placement, context, host);
}

function ignoreByte(): void {}

function ignoreLine(): void {}
