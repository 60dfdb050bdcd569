// SPDX-License-Identifier: GPL-2.0-only
/**
 * Mailbox between the CPUs and the VideoCore of BCM2835 and its successors. Of the firmware behind
 * it, the property interface on channel 8 is modelled.
 *
 *     address | 8 in MAIL1 ──► the firmware answers the tags in the buffer there ──► address | 8 in MAIL0
 *
 *     buffer  size | 0, then 0x80000000 | tag, bytes of value, bytes | 0x80000000 when answered, value … | 0
 *
 * Answers come at once. An unknown tag stays unanswered, as on the board, and is reported once: as
 * a write of its first value word to a register at the tag's number. Other channels (framebuffer,
 * VCHIQ) accept messages without an answer.
 *
 * Source: the Raspberry Pi firmware's wiki, "Mailbox property interface"; Linux
 * drivers/mailbox/bcm2835-mailbox.c and include/soc/bcm2835/raspberrypi-firmware.h, as facts.
 */

import type { AccessWidth, Device, DeviceContext } from '#emulator/bus/device.ts';
import type { MemoryPort } from './memory-port.ts';
import { UnknownRegisters } from './unknown-registers.ts';

const MAIL0_RD = 0x00;
const MAIL0_STA = 0x18;
const MAIL0_CNF = 0x1c;
const CNF_INTERRUPT = 1 << 0; // while there is something to read
const MAIL1_WRT = 0x20;
const MAIL1_STA = 0x38;
const STA_EMPTY = 1 << 30;
const STA_FULL = 0x8000_0000;
const QUEUE_LENGTH = 8;

const CHANNEL_PROPERTY = 8;
/** Offset of RAM in the VideoCore's address space; the CPU's addresses do not have it. */
const BUS_ALIAS = 0xc000_0000;
const RESPONSE = 0x8000_0000;
const RESPONSE_SUCCESS = 0x8000_0000;
const RESPONSE_ERROR = 0x8000_0001;
const HEADER_BYTES = 8;
const TAG_HEADER_BYTES = 12;

/** Rates in Hz by clock identifier of the property interface, as the firmware starts the clocks. */
const CLOCK_HZ: Readonly<Record<number, number>> = {
  1: 200_000_000, // EMMC
  2: 48_000_000, // UART
  3: 1_500_000_000, // ARM
  4: 500_000_000, // core
  5: 500_000_000, // V3D
  6: 500_000_000, // H264
  7: 500_000_000, // ISP
  8: 400_000_000, // SDRAM
  9: 0, // pixel
  10: 0, // PWM
  11: 500_000_000, // HEVC
  12: 100_000_000, // EMMC2
  13: 108_000_000, // M2MC
  14: 0, // pixel BVB
};
const clockHz = (id: number): number => CLOCK_HZ[id] ?? 0;
const CLOCK_EXISTS = 1 << 0;

/** Maps the value words of a request to those of its answer. */
type Answer = (request: readonly [number, number, ...number[]]) => readonly number[];

const same: Answer = ([id, state]) => [id, state];
/** Calls about the expander's pins return 0 in place of the pin's number on success. */
const pinDone: Answer = () => [0, 0];

/**
 * Answers of the firmware, by tag. A setting is acknowledged as requested and has no effect: every
 * clock runs, every domain is powered.
 */
const ANSWERS: Readonly<Record<number, Answer>> = {
  0x0000_0001: () => [1_700_000_000], // firmware revision: when it was built
  0x0001_0001: () => [0], // board model
  0x0001_0002: () => [0xc0_3114], // board revision: Pi 4 B 1.4, 4 GiB
  0x0001_0003: () => [0x00_00a6_dc, 0x0100], // MAC address, a byte at a time
  0x0001_0004: () => [1, 0x1000_0000], // serial number
  0x0001_0007: () => Object.keys(CLOCK_HZ).flatMap((id) => [0, Number(id)]), // clocks: parent, id
  0x0002_0001: ([id]) => [id, 1], // power state: on
  0x0002_8001: ([id, state]) => [id, state & 1],
  0x0003_0001: ([id]) => [id, CLOCK_EXISTS], // clock state: on
  0x0003_8001: ([id, state]) => [id, state & 1],
  0x0003_0002: ([id]) => [id, clockHz(id)], // clock rate
  0x0003_0047: ([id]) => [id, clockHz(id)], // clock rate, measured
  0x0003_0004: ([id]) => [id, clockHz(id)], // maximum clock rate
  0x0003_0007: ([id]) => [id, clockHz(id)], // minimum clock rate
  0x0003_8002: ([id]) => [id, clockHz(id)],
  0x0003_0006: ([id]) => [id, 42_000], // temperature, thousandths of a degree Celsius
  0x0003_000a: ([id]) => [id, 85_000], // maximum temperature
  0x0003_0030: ([id]) => [id, 1], // domain state: on
  0x0003_8030: same,
  0x0003_0041: pinDone, // state of a pin on the expander
  0x0003_8041: pinDone,
  0x0003_0043: () => [0, 0, 0, 0, 0], // configuration of such a pin: an input
  0x0003_8043: pinDone,
  0x0003_0046: () => [0], // throttled: never
  0x0003_0048: () => [], // a reboot is near
  0x0003_0066: ([id]) => [id], // the USB controller was reset
};

export interface Bcm2835MailboxOptions {
  /** Name of the device, for events. */
  readonly name: string;
  readonly context: DeviceContext;
  /** RAM for the buffers; without it nothing is answered. */
  readonly memory: MemoryPort | undefined;
}

/** Mailbox. Its registers take 0x40 bytes. */
export class Bcm2835Mailbox implements Device {
  readonly model = 'bcm2835-mailbox';
  private readonly options: Bcm2835MailboxOptions;
  private readonly unknown: UnknownRegisters;
  private readonly unknownTags: UnknownRegisters;
  private readonly answers: number[] = [];
  private config = 0;
  private irq = false;

  constructor(options: Bcm2835MailboxOptions) {
    this.options = options;
    const { name, context } = options;
    this.unknown = new UnknownRegisters(name, context);
    this.unknownTags = new UnknownRegisters(`${name}, property tag`, context);
  }

  reset(): void {
    this.answers.length = 0;
    this.config = 0;
    this.updateInterrupt();
  }

  saveState() {
    return {
      answers: [...this.answers],
      config: this.config,
      irq: this.irq,
      unknown: this.unknown.saveState(),
      unknownTags: this.unknownTags.saveState(),
    };
  }

  restoreState(state: ReturnType<Bcm2835Mailbox['saveState']>): void {
    this.answers.splice(0, Infinity, ...state.answers);
    this.config = state.config;
    this.irq = state.irq;
    this.unknown.restoreState(state.unknown);
    this.unknownTags.restoreState(state.unknownTags);
  }

  read(offset: number, width: AccessWidth): number {
    switch (offset) {
      case MAIL0_RD: {
        const message = this.answers.shift() ?? 0;
        this.updateInterrupt();
        return message;
      }
      case MAIL0_STA:
        return this.answers.length === 0 ? STA_EMPTY : this.answers.length === QUEUE_LENGTH ? STA_FULL : 0;
      case MAIL0_CNF:
        return this.config;
      case MAIL1_STA:
        // A message is processed at once, provided that its answer fits in the queue.
        return this.answers.length === QUEUE_LENGTH ? STA_FULL : STA_EMPTY;
      default:
        this.unknown.report('read', offset, width, 0);
        return 0;
    }
  }

  write(offset: number, width: AccessWidth, value: number): void {
    switch (offset) {
      case MAIL0_CNF:
        this.config = value & CNF_INTERRUPT;
        this.updateInterrupt();
        break;
      case MAIL1_WRT:
        this.callFirmware(value);
        break;
      default:
        this.unknown.report('write', offset, width, value);
    }
  }

  private callFirmware(message: number): void {
    const { memory } = this.options;
    const channel = message & 0xf;
    if (channel !== CHANNEL_PROPERTY || memory === undefined || this.answers.length === QUEUE_LENGTH) return;
    const alias = message >>> 0 >= BUS_ALIAS ? BUS_ALIAS : 0;
    this.answerBuffer(memory, (message >>> 0) - alias - channel);
    this.answers.push(message);
    this.updateInterrupt();
  }

  /** Answers each tag of a buffer; a tag outside RAM, or cut off, is left unchanged. */
  private answerBuffer(memory: MemoryPort, buffer: number): void {
    if (!memory.contains(buffer, HEADER_BYTES)) return;
    const end = buffer + memory.read32(buffer);
    if (!memory.contains(buffer, Math.max(HEADER_BYTES, end - buffer))) {
      memory.write32(buffer + 4, RESPONSE_ERROR);
      return;
    }
    for (let at = buffer + HEADER_BYTES; at + TAG_HEADER_BYTES <= end; ) {
      const tag = memory.read32(at);
      if (tag === 0) break;
      const capacity = memory.read32(at + 4);
      const value = at + TAG_HEADER_BYTES;
      if (value + capacity > end) break;
      const answer = this.answer(tag, (word) => (word * 4 < capacity ? memory.read32(value + word * 4) : 0));
      if (answer !== null) {
        // A value longer than its buffer is truncated, but its full length is reported.
        for (const [word, content] of answer.entries()) {
          if ((word + 1) * 4 <= capacity) memory.write32(value + word * 4, content);
        }
        memory.write32(at + 8, (RESPONSE | (answer.length * 4)) >>> 0);
      }
      at = value + Math.ceil(capacity / 4) * 4;
    }
    memory.write32(buffer + 4, RESPONSE_SUCCESS);
  }

  private answer(tag: number, word: (index: number) => number): readonly number[] | null {
    const answer = ANSWERS[tag];
    if (answer !== undefined) return answer([word(0), word(1)]);
    this.unknownTags.report('write', tag, 4, word(0));
    return null;
  }

  private updateInterrupt(): void {
    const level = this.config !== 0 && this.answers.length > 0;
    if (level === this.irq) return;
    this.irq = level;
    this.options.context.setIrq(level);
  }
}
