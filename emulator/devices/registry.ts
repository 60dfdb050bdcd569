/**
 * From the model key in a board's data to a device. One line in the table below for each key: a key that gets a model of its
 * own changes its line and nothing else.
 *
 * Memory is not here: `rom` and `sram` of a board are mapped by the machine like RAM.
 */

import type { Device, DeviceContext } from '../bus/device.ts';
import { AbsentDevice } from './absent-device.ts';
import { Gs101Uart } from './gs101-uart.ts';
import { Pl011 } from './pl011.ts';
import { RegisterStorage } from './register-storage.ts';
import type { TransmitListener } from './serial-device.ts';

/** Where a device sits and how it comes out of reset. */
export interface DevicePlacement {
  /** Node name: "serial@10a00000". */
  readonly name: string;
  /** Physical address, bytes. */
  readonly base: number;
  /** Bytes. */
  readonly size: number;
  /** For models that are register storage: reset values by offset, see register-storage.ts. */
  readonly resetValues?: ReadonlyMap<number, number>;
}

/** What a device is connected to on the host's side. */
export interface DeviceHost {
  /** Bytes that a UART sends. They go nowhere when absent. */
  readonly onTransmit?: TransmitListener;
}

type Build = (placement: DevicePlacement, context: DeviceContext, host: DeviceHost) => Device;

interface Model {
  /** Bytes its registers take: a smaller placement would cut some off. */
  readonly minimumSize: number;
  readonly build: Build;
}

const pl011: Model = {
  minimumSize: 0x1000,
  build: ({ name }, context, { onTransmit = ignoreByte }) => new Pl011({ name, context, onTransmit }),
};

const gs101Uart: Model = {
  minimumSize: 0x40,
  build: ({ name }, context, { onTransmit = ignoreByte }) => new Gs101Uart({ name, context, onTransmit }),
};

/**
 * Registers that remember and nothing more. A register it had no reset value for is reported once: the guest may wait for it
 * in vain.
 */
const storage: Model = {
  minimumSize: 1,
  build: ({ name, size, resetValues }, context) =>
    new RegisterStorage({ name, size, context, reportUnknown: true, ...(resetValues && { resetValues }) }),
};

const MODELS = {
  pl011,
  'gs101-uart': gs101Uart,
  storage,
  absent: { minimumSize: 1, build: () => new AbsentDevice() },
  // No model of their own yet.
  gicv2: storage,
  gicv3: storage,
  pl031: storage,
  pl061: storage,
  'fw-cfg': storage,
  'virtio-mmio': storage,
  'cfi-flash': storage,
  'pcie-ecam': storage,
  'exynos-mct': storage,
  usi: storage,
} as const satisfies Readonly<Record<string, Model>>;

/** A key that `createDevice` knows. */
export type ModelKey = keyof typeof MODELS;

/** Every key, in the table's order. */
export const MODEL_KEYS = Object.keys(MODELS) as readonly ModelKey[];

/** True when `createDevice` knows `key`. */
export function isModelKey(key: string): key is ModelKey {
  return Object.hasOwn(MODELS, key);
}

/** A board names a model that does not exist. */
export class UnknownModelError extends Error {
  readonly key: string;

  constructor(key: string, placement: DevicePlacement) {
    super(`${placement.name}: unknown device model "${key}"; known: ${MODEL_KEYS.join(', ')}`);
    this.name = 'UnknownModelError';
    this.key = key;
  }
}

/** A board gives a device less space than its registers take. */
export class DeviceSizeError extends RangeError {
  /** Bytes given and needed. */
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
 * Builds the device that `key` names, in its reset state, not yet on a bus.
 * @throws UnknownModelError when the table has no such key
 * @throws DeviceSizeError when the placement is too small
 * @throws RangeError when a reset value does not fit the placement
 */
export function createDevice(
  key: string,
  placement: DevicePlacement,
  context: DeviceContext,
  host: DeviceHost = {},
): Device {
  if (!isModelKey(key)) {
    throw new UnknownModelError(key, placement);
  }
  const model: Model = MODELS[key];
  if (placement.size < model.minimumSize) {
    throw new DeviceSizeError(key, placement, model.minimumSize);
  }
  return model.build(placement, context, host);
}

function ignoreByte(): void {}
