// SPDX-License-Identifier: GPL-2.0-only
/**
 * Stage 1 translation of the EL1&0 regime, as a pure function of registers and memory.
 *
 *     VA ─ TxSZ ─► top bits all equal? ─► level 0..3 descriptors ─► address, attributes, or the fault of a CPU
 *
 * It serves TypeScript code that accesses memory by virtual address, and explanations of faults.
 * The CPU engine has its own walker. tests/cpu-agrees.test.ts compares the two, and
 * tests/cpu-deviations.test.ts lists the few descriptors where the engine departs from the Arm ARM,
 * which this file follows. 4, 16 and 64 KiB granules, 48-bit addresses; no stage 2, no LPA2, no
 * LVA.
 *
 * Specification: Arm ARM DDI 0487 K.a, D8.2 (translation process), D8.3 (descriptors), D8.4
 * (permissions), D24.2.40 (fault status codes).
 */

/** Registers that control a translation. */
export interface TranslationRegisters {
  readonly sctlr: bigint;
  readonly tcr: bigint;
  readonly ttbr0: bigint;
  readonly ttbr1: bigint;
}

export type AccessType = 'read' | 'write' | 'fetch';

/** Descriptor that was read during a walk. */
export interface WalkStep {
  readonly level: number;
  /** Physical address of the descriptor. */
  readonly address: number;
  readonly descriptor: bigint;
}

/** Leaf: it maps [vaBase, vaBase + size) to [paBase, paBase + size). */
export interface Mapping {
  readonly vaBase: bigint;
  readonly paBase: number;
  /** Size in bytes. */
  readonly size: number;
  readonly level: number;
  /** Leaf descriptor; 0 with the MMU off. */
  readonly descriptor: bigint;
  /**
   * Effective permissions, with the restrictions of the tables above (APTable, PXNTable, UXNTable,
   * WXN).
   */
  readonly permissions: Permissions;
  /** MAIR_EL1 index. */
  readonly attributeIndex: number;
}

export interface Permissions {
  readonly el1: { readonly read: boolean; readonly write: boolean; readonly execute: boolean };
  readonly el0: { readonly read: boolean; readonly write: boolean; readonly execute: boolean };
}

export type Translation =
  | { readonly ok: true; readonly pa: number; readonly mapping: Mapping; readonly steps: readonly WalkStep[] }
  | { readonly ok: false; readonly fault: TranslationFault; readonly steps: readonly WalkStep[] };

/**
 * Fault of a translation; `status` is the fault status code, as in ESR_ELx.DFSC and PAR_EL1.FST.
 */
export interface TranslationFault {
  readonly kind: 'address size' | 'translation' | 'access flag' | 'permission' | 'external abort on walk';
  readonly level: number;
  readonly status: number;
}

/**
 * First status code of each kind; the level is added (Arm ARM D24.2.40, ISS for Data Aborts, DFSC).
 */
const STATUS = {
  'address size': 0b000000,
  translation: 0b000100,
  'access flag': 0b001000,
  permission: 0b001100,
  'external abort on walk': 0b010100,
} as const;

export const faultOf = (kind: TranslationFault['kind'], level: number): TranslationFault => ({
  kind,
  level,
  status: STATUS[kind] + level,
});

const SCTLR_M = 1n << 0n;
const SCTLR_WXN = 1n << 19n;

/** Bits of a descriptor's lower word. */
const DESCRIPTOR_VALID = 1 << 0;
/** Set for a table at levels 0 to 2, and for a page at level 3. */
const DESCRIPTOR_TABLE = 1 << 1;
const ACCESS_FLAG = 1 << 10;

/**
 * log2 of the granule, by TCR.TG0 and by TCR.TG1. A reserved value selects an IMPLEMENTATION
 * DEFINED granule (Arm ARM D24.2.213), here the CPU engine's choice: 64 KiB for TG0 = 3 and 4 KiB
 * for TG1 = 0.
 */
export const GRANULE_TG0 = [12, 16, 14, 16] as const;
const GRANULE_TG1 = [12, 14, 12, 16] as const;

/**
 * Limits of the input address size, 64 - TCR.TxSZ. Outside them an implementation may fault or use
 * the nearest limit; the CPU engine uses the nearest.
 */
const INPUT_BITS = { least: 25, most: 48 } as const;

/** Physical address size in bits by TCR.IPS (Arm ARM D24.2.188). */
export const ADDRESS_BITS: Readonly<Record<number, number>> = { 0: 32, 1: 36, 2: 40, 3: 42, 4: 44, 5: 48 };

const field = (value: bigint, low: number, bits: number): number => Number(BigInt.asUintN(bits, value >> BigInt(low)));

/** Powers of two: with a variable exponent, `**` is a call. */
const POWERS = Array.from({ length: 65 }, (_, bits) => 2 ** bits);
const power = (bits: number): number => POWERS[bits] as number;

/** Addresses have at most 48 bits and are exact as numbers; walks are too frequent for bigints. */
const alignedDown = (address: number, bits: number): number => address - (address % power(bits));
const lowWord = (value: bigint): number => Number(BigInt.asIntN(32, value));
const highWord = (value: bigint): number => Number(BigInt.asIntN(32, value >> 32n));
/** Bits 47:0 of a value, from its words. */
const address48 = (high: number, low: number): number => (high & 0xffff) * 2 ** 32 + (low >>> 0);

/** Fields of TCR_EL1 for the half of one TTBR. */
export interface HalfControl {
  /** Width of an input address; the bits above must all be equal. */
  readonly inputBits: number;
  /** log2 of the granule in bytes. */
  readonly granuleShift: number;
  /** Number of input bits that one level resolves. */
  readonly strideBits: number;
  /** Level of the first table. */
  readonly startLevel: number;
  /** TBI: bits 63:56 are ignored. */
  readonly topByteIgnored: boolean;
  /** EPD: walks are disabled. */
  readonly disabled: boolean;
  /** HPD: permissions in table descriptors are ignored. */
  readonly hierarchyIgnored: boolean;
  /** Width of a physical address, for both halves (TCR_EL1.IPS). */
  readonly outputBits: number;
}

/** Cache of the last decoded TCR_EL1, for both halves: it rarely changes between walks. */
let known: { readonly tcr: bigint; readonly lower: HalfControl; readonly upper: HalfControl } | null = null;

/** TCR_EL1 decoded for the addresses of TTBR1 (`upper`) or TTBR0. Arm ARM D24.2.213. */
export function halfControl(tcr: bigint, upper: boolean): HalfControl {
  if (known?.tcr !== tcr) known = { tcr, lower: decodeHalf(tcr, false), upper: decodeHalf(tcr, true) };
  return upper ? known.upper : known.lower;
}

function decodeHalf(tcr: bigint, upper: boolean): HalfControl {
  const inputBits = Math.min(Math.max(64 - field(tcr, upper ? 16 : 0, 6), INPUT_BITS.least), INPUT_BITS.most);
  const granuleShift = upper ? (GRANULE_TG1[field(tcr, 30, 2)] as number) : (GRANULE_TG0[field(tcr, 14, 2)] as number);
  const strideBits = granuleShift - 3;
  return {
    inputBits,
    granuleShift,
    strideBits,
    startLevel: 4 - Math.ceil((inputBits - granuleShift) / strideBits),
    topByteIgnored: field(tcr, upper ? 38 : 37, 1) === 1,
    disabled: field(tcr, upper ? 23 : 7, 1) === 1,
    hierarchyIgnored: field(tcr, upper ? 42 : 41, 1) === 1,
    outputBits: ADDRESS_BITS[field(tcr, 32, 3)] ?? 48,
  };
}

const ALL_ALLOWED: Permissions = {
  el1: { read: true, write: true, execute: true },
  el0: { read: true, write: true, execute: true },
};

/** Reads a descriptor; null where nothing is mapped at a physical address. */
export type ReadDescriptor = (address: number) => bigint | null;

/**
 * Finds the leaf for `va`, without a permission check.
 * @param physicalBits physical address size of the CPU (ID_AA64MMFR0_EL1.PARange), which limits
 * TCR.IPS
 */
export function walk(
  va: bigint,
  registers: TranslationRegisters,
  read: ReadDescriptor,
  physicalBits: number,
): Translation {
  const steps: WalkStep[] = [];
  const fail = (kind: TranslationFault['kind'], level: number): Translation => ({
    ok: false,
    fault: faultOf(kind, level),
    steps,
  });

  if ((registers.sctlr & SCTLR_M) === 0n) return flat(va, physicalBits, fail);

  const [vaLow, vaHigh] = [lowWord(va), highWord(va)];
  // Bit 55.
  const upper = (vaHigh & (1 << 23)) !== 0;
  const control = halfControl(registers.tcr, upper);
  const { inputBits, granuleShift, strideBits, startLevel, topByteIgnored, hierarchyIgnored } = control;
  // The bits above an input address: those up to bit 47, and the others.
  const address = address48(vaHigh, vaLow);
  const middle = Math.floor(address / power(inputBits));
  const top = topByteIgnored ? (vaHigh << 8) >> 24 : vaHigh >> 16;
  const isCanonical = upper ? top === -1 && middle === power(48 - inputBits) - 1 : top === 0 && middle === 0;
  if (control.disabled || !isCanonical) return fail('translation', 0);

  const mostOutput = power(Math.min(control.outputBits, physicalBits));
  const input = address % power(inputBits);
  const ttbr = upper ? registers.ttbr1 : registers.ttbr0;
  let table = alignedDown(address48(highWord(ttbr), lowWord(ttbr)), 1);
  if (table >= mostOutput) return fail('address size', 0);
  let tableRestrictions = 0;

  for (let level = startLevel; ; level++) {
    const spanShift = granuleShift + (3 - level) * strideBits;
    const indexBits = level === startLevel ? inputBits - spanShift : strideBits;
    // Base register bits below the table's size are RES0.
    if (level === startLevel) table = alignedDown(table, indexBits + 3);
    const index = Math.floor(input / power(spanShift)) % power(indexBits);
    const descriptorAddress = table + index * 8;
    const descriptor = read(descriptorAddress);
    if (descriptor === null) return fail('external abort on walk', level);
    steps.push({ level, address: descriptorAddress, descriptor });

    const low = lowWord(descriptor);
    if ((low & DESCRIPTOR_VALID) === 0) return fail('translation', level);
    const isTableOrPage = (low & DESCRIPTOR_TABLE) !== 0;
    const blockAllowed = level === 2 || (level === 1 && granuleShift === 12);
    if (!isTableOrPage && !blockAllowed) return fail('translation', level);
    const high = highWord(descriptor);
    const output = alignedDown(address48(high, low), granuleShift);

    if (isTableOrPage && level < 3) {
      if (output >= mostOutput) return fail('address size', level);
      if (!hierarchyIgnored) tableRestrictions |= high;
      table = output;
      continue;
    }

    const paBase = alignedDown(output, spanShift);
    if (paBase >= mostOutput) return fail('address size', level);
    if ((low & ACCESS_FLAG) === 0) return fail('access flag', level);
    const size = power(spanShift);
    const within = input % size;
    return {
      ok: true,
      pa: paBase + within,
      mapping: {
        vaBase: va - BigInt(within),
        paBase,
        size,
        level,
        descriptor,
        permissions: leafPermissions(descriptor, tableRestrictions, registers.sctlr),
        attributeIndex: (low >>> 2) & 7,
      },
      steps,
    };
  }
}

/**
 * {@link walk}, with the permission check for an access of this type from this exception level (0
 * or 1).
 */
export function translate(
  va: bigint,
  type: AccessType,
  level: 0 | 1,
  registers: TranslationRegisters,
  read: ReadDescriptor,
  physicalBits: number,
): Translation {
  const found = walk(va, registers, read, physicalBits);
  if (!found.ok) return found;
  const { mapping, steps } = found;
  const allowed = mapping.permissions[level === 0 ? 'el0' : 'el1'];
  if (type === 'read' ? allowed.read : type === 'write' ? allowed.write : allowed.execute) return found;
  return {
    ok: false,
    fault: faultOf('permission', mapping.level),
    steps,
  };
}

/**
 * Translation with the MMU off: identity; an address size fault above the physical address size.
 */
function flat(
  va: bigint,
  physicalBits: number,
  fail: (kind: TranslationFault['kind'], level: number) => Translation,
): Translation {
  if (va >> BigInt(physicalBits) !== 0n) return fail('address size', 0);
  const page = va & ~0xfffn;
  return {
    ok: true,
    pa: Number(va),
    mapping: {
      vaBase: page,
      paBase: Number(page),
      size: 4096,
      level: 3,
      descriptor: 0n,
      permissions: ALL_ALLOWED,
      attributeIndex: 0,
    },
    steps: [],
  };
}

/**
 * Permissions of a leaf (Arm ARM D8.4.1): AP[2:1] and XN, restricted by APTable, UXNTable and
 * PXNTable of the tables above, and by SCTLR_EL1.WXN.
 * @param above the upper words of the table descriptors, ORed
 */
export function leafPermissions(leaf: bigint, above: number, sctlr: bigint): Permissions {
  const [low, high] = [lowWord(leaf), highWord(leaf)];
  const el0Access = (low & (1 << 6)) !== 0 && (above & (1 << 29)) === 0;
  const writable = (low & (1 << 7)) === 0 && (above & (1 << 30)) === 0;
  const unprivilegedExecuteNever = (high & (1 << 22)) !== 0 || (above & (1 << 28)) !== 0;
  const privilegedExecuteNever = (high & (1 << 21)) !== 0 || (above & (1 << 27)) !== 0;
  const writeExecuteNever = (sctlr & SCTLR_WXN) !== 0n;
  const el0Write = el0Access && writable;
  return {
    el1: {
      read: true,
      write: writable,
      // Memory that EL0 can write is never executable at EL1.
      execute: !privilegedExecuteNever && !el0Write && !(writeExecuteNever && writable),
    },
    el0: {
      read: el0Access,
      write: el0Write,
      // Execution at EL0 needs no read permission: execute-only memory.
      execute: !unprivilegedExecuteNever && !(writeExecuteNever && el0Write),
    },
  };
}
