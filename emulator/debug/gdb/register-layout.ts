// SPDX-License-Identifier: GPL-2.0-only
/**
 * Registers that a debugger sees, in the order of their protocol numbers, and the target
 * description that describes them.
 *
 *     0–30 x0–x30 · 31 sp · 32 pc · 33 cpsr    org.gnu.gdb.aarch64.core   ┐ the "g" packet
 *     34–65 v0–v31 · 66 fpsr · 67 fpcr         org.gnu.gdb.aarch64.fpu    ┘
 *     68 …                                     org.levitate.aarch64.system, by "p" alone
 *
 * Specification: GDB manual, "Target Description Format" and "AArch64 Features" (names, sizes and
 * order that GDB requires).
 */

import type { DebugRegister } from './target.ts';

interface Feature {
  readonly name: string;
  readonly registers: readonly (DebugRegister & { readonly type: string; readonly group?: string })[];
}

const numbered = (letter: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${letter}${i}`);

const CORE: Feature = {
  name: 'org.gnu.gdb.aarch64.core',
  registers: [
    ...numbered('x', 31).map((name) => ({ name, bits: 64, type: 'int' }) as const),
    { name: 'sp', bits: 64, type: 'data_ptr' },
    { name: 'pc', bits: 64, type: 'code_ptr' },
    { name: 'cpsr', bits: 32, type: 'cpsr_flags' },
  ],
};

const FPU: Feature = {
  name: 'org.gnu.gdb.aarch64.fpu',
  registers: [
    ...numbered('v', 32).map((name) => ({ name, bits: 128, type: 'vector' }) as const),
    { name: 'fpsr', bits: 32, type: 'int' },
    { name: 'fpcr', bits: 32, type: 'int' },
  ],
};

/**
 * System registers that help while memory management is brought up; core-registers.ts implements
 * the access to each.
 */
const SYSTEM: Feature = {
  name: 'org.levitate.aarch64.system',
  registers: [
    'CurrentEL',
    'SCTLR_EL1',
    'TCR_EL1',
    'TTBR0_EL1',
    'TTBR1_EL1',
    'MAIR_EL1',
    'VBAR_EL1',
    'ESR_EL1',
    'FAR_EL1',
    'ELR_EL1',
    'SPSR_EL1',
    'SP_EL0',
    'SP_EL1',
    'TPIDR_EL0',
    'TPIDR_EL1',
    'PAR_EL1',
    'CPACR_EL1',
    'MPIDR_EL1',
    'HCR_EL2',
    'SCR_EL3',
  ].map((name) => ({ name, bits: 64, type: 'int', group: 'system' })),
};

const FEATURES = [CORE, FPU, SYSTEM];

/** All registers; the index is the register number. */
export const REGISTERS: readonly DebugRegister[] = FEATURES.flatMap(({ registers }) => registers);
/** Registers that the "g" and "G" packets carry: the first ones. */
export const GENERAL_REGISTERS: readonly DebugRegister[] = [...CORE.registers, ...FPU.registers];
/** Numbers of the registers that a stop reply carries, because a debugger always needs them. */
export const EXPEDITED = { x29: 29, sp: 31, pc: 32 } as const;

/** Fields of PSTATE in the layout of SPSR_EL1 (Arm ARM C5.2.19). */
const CPSR_FIELDS: readonly (readonly [name: string, low: number, high: number])[] = [
  ['SP', 0, 0],
  ['EL', 2, 3],
  ['nRW', 4, 4],
  ['F', 6, 6],
  ['I', 7, 7],
  ['A', 8, 8],
  ['D', 9, 9],
  ['IL', 20, 20],
  ['SS', 21, 21],
  ['PAN', 22, 22],
  ['V', 28, 28],
  ['C', 29, 29],
  ['Z', 30, 30],
  ['N', 31, 31],
];

/**
 * Views of a vector register, as in GDB's own description: letter of the lane width, number of
 * lanes, and the types of a lane by name.
 */
const LANES: readonly (readonly [letter: string, count: number, readings: Readonly<Record<string, string>>])[] = [
  ['d', 2, { f: 'ieee_double', u: 'uint64', s: 'int64' }],
  ['s', 4, { f: 'ieee_single', u: 'uint32', s: 'int32' }],
  ['h', 8, { f: 'ieee_half', u: 'uint16', s: 'int16' }],
  ['b', 16, { u: 'uint8', s: 'int8' }],
  ['q', 1, { u: 'uint128', s: 'int128' }],
];

const TYPES = [
  '<flags id="cpsr_flags" size="4">',
  ...CPSR_FIELDS.map(([name, low, high]) => `<field name="${name}" start="${low}" end="${high}"/>`),
  '</flags>',
].join('');

const VECTOR_TYPES = [
  ...LANES.flatMap(([letter, count, readings]) => [
    ...Object.entries(readings).map(
      ([reading, type]) => `<vector id="v${letter}${reading}" type="${type}" count="${count}"/>`,
    ),
    `<union id="v${letter}">`,
    ...Object.keys(readings).map((reading) => `<field name="${reading}" type="v${letter}${reading}"/>`),
    '</union>',
  ]),
  '<union id="vector">',
  ...LANES.map(([letter]) => `<field name="${letter}" type="v${letter}"/>`),
  '</union>',
].join('');

/** Target description, sent for qXfer:features:read:target.xml. */
export const TARGET_DESCRIPTION: string = [
  '<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd">',
  '<target version="1.0"><architecture>aarch64</architecture>',
  ...FEATURES.map((feature) => {
    const types = feature === CORE ? TYPES : feature === FPU ? VECTOR_TYPES : '';
    const registers = feature.registers.map(
      ({ name, bits, type, group }) =>
        `<reg name="${name}" bitsize="${bits}" type="${type}"${group === undefined ? '' : ` group="${group}"`} regnum="${REGISTERS.findIndex((register) => register.name === name)}"/>`,
    );
    return `<feature name="${feature.name}">${types}${registers.join('')}</feature>`;
  }),
  '</target>',
].join('\n');
