// SPDX-License-Identifier: GPL-2.0-only
/**
 * Virtio over MMIO: registers through which a driver finds a device, negotiates features, sets up
 * queues and gets interrupts.
 *
 *     0x000 magic "virt"    0x010 device features   0x030 queue select … 0x0a4   0x050 notify       0x100 configuration
 *     0x004 version 2       0x020 driver features         size, ready, addresses 0x060 interrupt          of the model
 *     0x008 device id                                                            0x070 status
 *
 *     interrupt status: 0 used buffers, 1 configuration ──(any)──► line, level high; the driver acknowledges by bit
 *
 * Version 2 only. Legacy (version 1: guest page size, one page frame number for a queue) is not
 * modelled. It is QEMU's default for these slots, but every driver for it supports version 2 as
 * well (Linux since 3.19, U-Boot since 2018.11). A slot without a model reads device id 0, and
 * drivers skip it.
 *
 * Requests are executed inside the write of the notify register: for the guest, the device is
 * infinitely fast. Below 0x100 accesses must be 32 bits wide; others read zero, have no effect and
 * are reported as unknown registers.
 *
 * A guest that breaks the rules of a queue gets DEVICE_NEEDS_RESET, a configuration interrupt and
 * one `device` event; the device does nothing more until it is reset.
 *
 * Offered with the model's own features: VERSION_1 (which the driver must accept) and
 * INDIRECT_DESC. Not offered: EVENT_IDX, packed queues, queue reset.
 *
 * Specification: VIRTIO 1.2, 4.2 "Virtio Over MMIO", 2.1 (status), 2.2 (features). The empty slot
 * was compared with QEMU 7.2's, except for the version.
 */

import type { AccessWidth, Device, DeviceContext } from '#emulator/bus/device.ts';
import type { MemoryPort } from '#emulator/devices/memory-port.ts';
import { UnknownRegisters } from '#emulator/devices/unknown-registers.ts';
import { QueueSetup } from './queue-setup.ts';
import type { VirtioLink, VirtioModel } from './virtio-model.ts';
import { type Virtqueue, VirtqueueError } from './virtqueue.ts';

const MAGIC = 0x000;
const VERSION = 0x004;
const DEVICE_ID = 0x008;
const VENDOR_ID = 0x00c;
const DEVICE_FEATURES = 0x010;
const DEVICE_FEATURES_SELECT = 0x014;
const DRIVER_FEATURES = 0x020;
const DRIVER_FEATURES_SELECT = 0x024;
const QUEUE_SELECT = 0x030;
const QUEUE_SIZE_MAX = 0x034;
const QUEUE_SIZE = 0x038;
const QUEUE_READY = 0x044;
const QUEUE_NOTIFY = 0x050;
const INTERRUPT_STATUS = 0x060;
const INTERRUPT_ACK = 0x064;
const STATUS = 0x070;
const QUEUE_ADDRESSES = 0x080; // descriptors low, high; 0x090 driver area; 0x0a0 device area
const QUEUE_ADDRESSES_END = 0x0a8;
const SHM_LENGTH_LOW = 0x0b0; // 0x0b0..0x0bc: a shared region that does not exist reads all ones
const SHM_BASE_HIGH = 0x0bc;
const CONFIG_GENERATION = 0x0fc;
const CONFIG = 0x100;

const MAGIC_VALUE = 0x7472_6976;
const VENDOR_VALUE = 0x554d_4551; // "QEMU", so that guests see the board that they know

/** Feature bits of the transport. */
export const FEATURE_INDIRECT_DESC = 28;
export const FEATURE_VERSION_1 = 32;

/** Bits of the status register. */
export const VIRTIO_STATUS = {
  ACKNOWLEDGE: 1,
  DRIVER: 2,
  DRIVER_OK: 4,
  FEATURES_OK: 8,
  NEEDS_RESET: 64,
  FAILED: 128,
} as const;

const INTERRUPT_USED = 1 << 0;
const INTERRUPT_CONFIG = 1 << 1;

export interface VirtioMmioOptions {
  /** Node name of the slot, for events: "virtio0". */
  readonly name: string;
  readonly context: DeviceContext;
  /** Device in the slot, and the RAM that it accesses; null for an empty slot. */
  readonly plugged: { readonly model: VirtioModel; readonly memory: MemoryPort } | null;
}

/** State at reset. */
const RESET = {
  deviceFeaturesSelect: 0,
  driverFeaturesSelect: 0,
  queueSelect: 0,
  status: 0,
  interrupts: 0,
  line: false,
};

/** Slot. Its registers take 512 bytes. */
export class VirtioMmio implements Device, VirtioLink {
  readonly model = 'virtio-mmio';
  private readonly name: string;
  private readonly context: DeviceContext;
  private readonly plugged: VirtioModel | null;
  private readonly queues: readonly QueueSetup[];
  private readonly unknown: UnknownRegisters;
  /** Offered features, and accepted ones, in halves of 32 bits. */
  private readonly offered: readonly [low: number, high: number];
  private readonly accepted: [low: number, high: number] = [0, 0];
  private state = { ...RESET };

  constructor(options: VirtioMmioOptions) {
    this.name = options.name;
    this.context = options.context;
    this.unknown = new UnknownRegisters(options.name, options.context);
    const { plugged } = options;
    this.plugged = plugged?.model ?? null;
    this.queues = plugged?.model.queueSizes.map((max) => new QueueSetup(plugged.memory, max)) ?? [];
    this.offered = featureHalves([...(plugged?.model.features ?? []), FEATURE_INDIRECT_DESC, FEATURE_VERSION_1]);
    plugged?.model.attach(this);
  }

  reset(): void {
    this.accepted.fill(0);
    this.state = { ...RESET, line: this.state.line };
    for (const queue of this.queues) queue.reset();
    this.plugged?.reset();
    this.updateLine();
  }

  saveState() {
    return {
      ...this.state,
      unknown: this.unknown.saveState(),
      accepted: [...this.accepted],
      queues: this.queues.map((queue) => queue.saveState()),
      plugged: this.plugged?.saveState() ?? null,
    };
  }

  restoreState({ unknown, accepted, queues, plugged, ...state }: ReturnType<VirtioMmio['saveState']>): void {
    this.state = state;
    this.unknown.restoreState(unknown);
    this.accepted[0] = accepted[0] ?? 0;
    this.accepted[1] = accepted[1] ?? 0;
    for (const [index, queue] of this.queues.entries()) {
      const saved = queues[index];
      if (saved !== undefined) queue.restoreState(saved);
    }
    this.plugged?.restoreState(plugged);
  }

  read(offset: number, width: AccessWidth): number {
    const model = this.plugged;
    if (offset >= CONFIG) return model === null ? 0 : readConfig(model.config, offset - CONFIG, width);
    if (width !== 4) {
      this.unknown.report('read', offset, width, 0);
      return 0;
    }
    switch (offset) {
      case MAGIC:
        return MAGIC_VALUE;
      case VERSION:
        return 2;
      case DEVICE_ID:
        return model?.deviceId ?? 0;
      case VENDOR_ID:
        return VENDOR_VALUE;
      case DEVICE_FEATURES:
        return model === null ? 0 : (this.offered[this.state.deviceFeaturesSelect] ?? 0);
      case QUEUE_SIZE_MAX:
        return this.queues[this.state.queueSelect]?.sizeMax ?? 0;
      case QUEUE_READY:
        return (this.queues[this.state.queueSelect]?.queue ?? null) === null ? 0 : 1;
      case INTERRUPT_STATUS:
        return this.state.interrupts;
      case STATUS:
        return this.state.status;
      case CONFIG_GENERATION:
        return 0; // the configuration never changes
      default:
        if (offset >= SHM_LENGTH_LOW && offset <= SHM_BASE_HIGH) return 0xffff_ffff;
        if (model !== null) this.unknown.report('read', offset, width, 0);
        return 0;
    }
  }

  write(offset: number, width: AccessWidth, value: number): void {
    if (this.plugged === null) return;
    if (offset >= CONFIG || width !== 4) {
      // No model has a configuration field that a driver may write.
      this.unknown.report('write', offset, width, value);
      return;
    }
    switch (offset) {
      case DEVICE_FEATURES_SELECT:
        this.state.deviceFeaturesSelect = value;
        break;
      case DRIVER_FEATURES:
        // After FEATURES_OK, the negotiated features are fixed (3.1.1).
        if (this.state.driverFeaturesSelect < 2 && (this.state.status & VIRTIO_STATUS.FEATURES_OK) === 0) {
          this.accepted[this.state.driverFeaturesSelect] = value;
        }
        break;
      case DRIVER_FEATURES_SELECT:
        this.state.driverFeaturesSelect = value;
        break;
      case QUEUE_SELECT:
        this.state.queueSelect = value;
        break;
      case QUEUE_SIZE:
        this.queues[this.state.queueSelect]?.setSize(value);
        break;
      case QUEUE_READY:
        this.run(() => this.queues[this.state.queueSelect]?.setReady((value & 1) !== 0));
        break;
      case QUEUE_NOTIFY:
        this.notify(value);
        break;
      case INTERRUPT_ACK:
        this.state.interrupts &= ~value;
        this.updateLine();
        break;
      case STATUS:
        this.writeStatus(value);
        break;
      default:
        if (offset >= QUEUE_ADDRESSES && offset < QUEUE_ADDRESSES_END && offset % 16 < 8) {
          this.queues[this.state.queueSelect]?.setAddress(offset - QUEUE_ADDRESSES, value);
        } else {
          this.unknown.report('write', offset, width, value);
        }
    }
  }

  queue(index: number): Virtqueue | null {
    return this.running ? (this.queues[index]?.queue ?? null) : null;
  }

  run(work: () => void): void {
    if ((this.state.status & VIRTIO_STATUS.NEEDS_RESET) !== 0) return;
    try {
      work();
    } catch (error) {
      if (!(error instanceof VirtqueueError)) throw error;
      this.breakDown(error.message);
    }
  }

  notifyUsed(queue: Virtqueue): void {
    if (!queue.wantsInterrupt) return;
    this.state.interrupts |= INTERRUPT_USED;
    this.updateLine();
  }

  report(problem: string): void {
    this.context.emit('device', { device: this.name, problem });
  }

  private get running(): boolean {
    return (this.state.status & (VIRTIO_STATUS.DRIVER_OK | VIRTIO_STATUS.NEEDS_RESET)) === VIRTIO_STATUS.DRIVER_OK;
  }

  private notify(index: number): void {
    const queue = this.queue(index);
    if (queue !== null) this.run(() => this.plugged?.handle(index, queue));
  }

  private writeStatus(value: number): void {
    if (value === 0) {
      this.reset();
      return;
    }
    let next = (value & 0xff) | (this.state.status & VIRTIO_STATUS.NEEDS_RESET);
    const asksForFeatures = (next & ~this.state.status & VIRTIO_STATUS.FEATURES_OK) !== 0;
    if (asksForFeatures && !this.featuresAcceptable()) next &= ~VIRTIO_STATUS.FEATURES_OK;
    const starts = (next & ~this.state.status & VIRTIO_STATUS.DRIVER_OK) !== 0;
    this.state.status = next;
    // Chains that were offered before the device ran are processed now: the driver need not notify
    // again.
    if (starts) for (const index of this.queues.keys()) this.notify(index);
  }

  private featuresAcceptable(): boolean {
    const [low, high] = this.accepted;
    const version1 = (high >>> (FEATURE_VERSION_1 - 32)) & 1;
    return version1 === 1 && (low & ~this.offered[0]) === 0 && (high & ~this.offered[1]) === 0;
  }

  private breakDown(problem: string): void {
    this.state.status |= VIRTIO_STATUS.NEEDS_RESET;
    this.report(problem);
    if ((this.state.status & VIRTIO_STATUS.DRIVER_OK) !== 0) {
      this.state.interrupts |= INTERRUPT_CONFIG;
      this.updateLine();
    }
  }

  private updateLine(): void {
    const level = this.state.interrupts !== 0;
    if (level !== this.state.line) {
      this.state.line = level;
      this.context.setIrq(level);
    }
  }
}

function featureHalves(bits: readonly number[]): [number, number] {
  const half = (start: number) =>
    bits.filter((bit) => bit >= start && bit < start + 32).reduce((sum, bit) => sum + 2 ** (bit - start), 0);
  return [half(0), half(32)];
}

function readConfig(config: Uint8Array, offset: number, width: AccessWidth): number {
  let value = 0;
  for (let i = 0; i < width; i++) value += (config[offset + i] ?? 0) * 2 ** (8 * i);
  return value;
}
