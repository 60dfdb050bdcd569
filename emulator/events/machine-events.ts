// SPDX-License-Identifier: GPL-2.0-only
/**
 * The events that the machine tells of: the fields of each kind, and the table of kinds.
 *
 * Fields are JSON values, in memory as in a log file: addresses and 64-bit registers are "0x…"
 * strings, because JSON has no integers above 2^53; counts and sizes are numbers. What a field
 * means stands here and in docs/event-log.md; tests/event-log.test.ts holds the two together.
 */

/** The loader has put its images into memory and the machine was reset. */
export interface BootFields {
  /** name of the board */
  readonly board: string;
  /** size of the device tree */
  readonly dtbBytes: number;
  /** address */
  readonly kernel?: string;
  /** address */
  readonly dtb?: string;
  /** address */
  readonly initrd?: string;
  /** Addresses of what else a guest consists of, by the names of its parts. */
  readonly [part: string]: string | number | undefined;
}

/** A line has ended on the serial line. */
export interface SerialFields {
  /** without the line feed */
  readonly text: string;
}

/** Power off, reset, a core on or off. */
export interface PowerFields {
  /** "off", "reset", "core on", "core off" */
  readonly action: 'off' | 'reset' | 'core on' | 'core off';
  /** the core that goes on or off (in the file: `field.core`) */
  readonly core?: number;
}

/** The run has ended. */
export interface StopFields {
  /** as in the report: "steady", "poweroff", "panic", "expected", "limit", "error" */
  readonly outcome: string;
  /** a sentence */
  readonly reason: string;
}

/** An access that ended in an external abort. */
export interface UnmappedFields {
  /** the device, or what lies next to the address */
  readonly device: string;
  /** "unmapped", "no memory" for code fetched from a device, or why it is refused */
  readonly reason: string;
  /** "read", "write", "fetch" */
  readonly access: 'read' | 'write' | 'fetch';
  /** physical */
  readonly address: string;
  /** bytes */
  readonly width: number;
  /** that was to be written */
  readonly value?: string;
  /** of the instruction */
  readonly pc: string;
}

/** A UART has lost or damaged a character. */
export interface UartFields {
  /** name */
  readonly device: string;
  /** "lost", "truncated", or "resumed" after losing some */
  readonly what: 'lost' | 'truncated' | 'resumed';
  /** the register whose setting is the cause */
  readonly register?: string;
  /** to which the character was truncated */
  readonly dataBits?: number;
  /** the character */
  readonly byte?: string;
  /** how many were lost before */
  readonly lost?: number;
}

/** The first access to a register that a device has no model for. */
export interface MmioUnknownFields {
  /** name */
  readonly device: string;
  /** of the register */
  readonly offset: string;
  /** "read" or "write" */
  readonly access: 'read' | 'write';
  /** bytes */
  readonly width: number;
  /** read or written */
  readonly value: string;
  /** of the access */
  readonly pc?: string;
}

/** The first access of each kind to a system register that no core has. */
export interface SysregUnknownFields {
  /** its name, or S-numbers where it has none */
  readonly register: string;
  /** "read" or "write" */
  readonly access: 'read' | 'write';
  /** of the instruction */
  readonly pc: string;
}

/** A device met a setting that it does not model. */
export interface DeviceFields {
  /** name */
  readonly device: string;
  /** a sentence */
  readonly problem?: string;
  /** a sentence */
  readonly reason?: string;
  /** where there is one */
  readonly register?: string;
  /** of the register */
  readonly value?: string;
  /** where there is one */
  readonly address?: string;
}

/** An exception is taken. */
export interface ExceptionFields {
  /** exception level that takes it */
  readonly level: number;
  /** ESR of that level, a number */
  readonly esr: number;
  /** fault address, or null */
  readonly far: string | null;
  /** return address: ELR of that level */
  readonly pc: string;
  /** exception level that it is taken from */
  readonly from: number;
}

/** An interrupt is taken, or the core tells the interrupt controller what it does with it. */
export interface IrqFields {
  /** "irq" or "fiq" */
  readonly taken?: 'irq' | 'fiq' | 'serror';
  /** the core has read which interrupt it is (GIC: IAR): its INTID */
  readonly acknowledged?: number;
  /**
   * the core has dropped its priority (EOIR), and by that deactivated it unless EOImode splits the
   * two: its INTID
   */
  readonly ended?: number;
  /** with EOImode (DIR): its INTID */
  readonly deactivated?: number;
  /** "taken": return address */
  readonly pc?: string;
}

/** An access to a device's register. */
export interface MmioFields {
  /** name */
  readonly device: string;
  /** of the register */
  readonly offset: string;
  /** bytes */
  readonly width: number;
  /** true or false */
  readonly write: boolean;
  /** read or written */
  readonly value: string;
  /** of the instruction; of the gate, for the modelled kernel */
  readonly pc: string;
}

/** An access to a system register that the machine emulates. */
export interface SysregFields {
  /** name */
  readonly register: string;
  /** value */
  readonly read?: string;
  /** value */
  readonly written?: string;
}

/** A PSCI or SMCCC call, answered by the machine. */
export interface PsciFields {
  /** name, or number */
  readonly function: string;
  /** the first */
  readonly argument: string;
  /** answer */
  readonly result: string;
}

/** A timer of a core is programmed, or its interrupt line changes. */
export interface TimerFields {
  /** the core whose timer it is */
  readonly ofCore: number;
  /** which one: "virtual", "physical", … */
  readonly timer: string;
  /** "programmed", or "line": its interrupt line changed */
  readonly what: 'programmed' | 'line';
  /** its control register: bit 0 enable, bit 1 masked (Arm ARM, CNTV_CTL_EL0) */
  readonly ctl?: number;
  /** compare value, in counter ticks */
  readonly cval?: string;
  /** "line": the interrupt */
  readonly intid?: number;
  /** "line": true when it asks */
  readonly level?: boolean;
}

/** The CPU enters TypeScript through a gate. */
export interface GateFields {
  /** number of the gate */
  readonly immediate: number;
  /** of the gate */
  readonly pc: string;
}

/** Fields by kind. */
export interface MachineEvents {
  boot: BootFields;
  serial: SerialFields;
  power: PowerFields;
  stop: StopFields;
  unmapped: UnmappedFields;
  uart: UartFields;
  'mmio-unknown': MmioUnknownFields;
  'sysreg-unknown': SysregUnknownFields;
  device: DeviceFields;
  exception: ExceptionFields;
  irq: IrqFields;
  mmio: MmioFields;
  sysreg: SysregFields;
  psci: PsciFields;
  timer: TimerFields;
  gate: GateFields;
}

/** A table's entry for one kind. */
export interface EventKindInfo {
  /** Kept without being asked for: it is rare, and somebody will ask for it afterwards. */
  readonly always: boolean;
  readonly meaning: string;
}

/** The machine's kinds. Those that are not kept always are loud: `--trace` names them. */
export const MACHINE_EVENT_KINDS = {
  boot: { always: true, meaning: 'what the machine loaded where, and how it was started' },
  serial: { always: true, meaning: 'a line ended on the serial line: its text' },
  power: { always: true, meaning: 'power off, reset, or a core started or stopped' },
  stop: { always: true, meaning: 'the run ended: outcome and cause' },
  unmapped: {
    always: true,
    meaning: 'an access that neither RAM nor a device answered, or that a device refused: an external abort',
  },
  uart: { always: true, meaning: 'a UART lost or damaged a character, or sent again after losing some' },
  'mmio-unknown': { always: true, meaning: 'first access to a register that a device has no model for' },
  'sysreg-unknown': {
    always: true,
    meaning: 'first read or write of a system register that there is not: undefined for the guest',
  },
  device: { always: true, meaning: 'a device met a setting that it does not model' },
  exception: { always: false, meaning: 'an exception was taken: level, vector, ESR, FAR, ELR' },
  irq: { always: false, meaning: 'an interrupt was taken, acknowledged or ended' },
  mmio: { always: false, meaning: 'an access to a device register, which the device answered' },
  sysreg: { always: false, meaning: 'an access to a system register that the machine emulates' },
  psci: { always: false, meaning: 'a PSCI or SMCCC call and its answer' },
  timer: { always: false, meaning: 'a timer was programmed, or its interrupt line changed' },
  gate: { always: false, meaning: 'the CPU entered TypeScript through a gate, or went back' },
} as const satisfies Readonly<Record<keyof MachineEvents, EventKindInfo>>;

/** Kinds that a device emits. */
export type DeviceEventKind = 'uart' | 'device' | 'mmio-unknown';
