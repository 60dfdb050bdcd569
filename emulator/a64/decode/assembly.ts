// SPDX-License-Identifier: GPL-2.0-only
/**
 * An instruction word in the syntax of assemblers: integer, branches, system, loads and stores, the
 * scalar FP arithmetic. Other instructions have no text here.
 *
 *     0xf9400421 ─► "ldr x1, [x1, #8]"
 *
 * Assembling the text gives the same word again. The target of a branch is an absolute address.
 *
 * Source: Arm ARM DDI 0487 K.a, C4.1 (encodings), C6.2 (syntax and aliases).
 */

import { type SystemRegisterEncoding, systemRegisterName } from '#emulator/engine/system-registers.ts';
import { decodeBitMask } from './bit-mask.ts';
import { fieldsOf, type NumbersOf, parsePattern, type Pattern } from './pattern.ts';

/** Returns null where this row does not describe the word: another row may, or none does. */
type Format<F> = (f: F, pc: bigint) => string | null;
interface Row {
  readonly pattern: Pattern;
  readonly format: Format<Record<string, number>>;
}
const row = <P extends string>(text: P, format: Format<NumbersOf<P>>): Row => ({
  pattern: parsePattern(text),
  format: format as Row['format'],
});

const CONDITIONS = 'eq ne hs lo mi pl vs vc hi ls ge lt gt le al nv'.split(' ');
const EXTENSIONS = 'uxtb uxth uxtw uxtx sxtb sxth sxtw sxtx'.split(' ');
const SHIFTS = 'lsl lsr asr ror'.split(' ');
const FP_SIZES = 'sd h'; // ftype: single, double, none, half

const r = (n: number, wide: number | boolean): string =>
  n === 31 ? (wide ? 'xzr' : 'wzr') : `${wide ? 'x' : 'w'}${n}`;
/** Register 31 is SP. */
const rsp = (n: number, wide: number | boolean): string => (n === 31 ? (wide ? 'sp' : 'wsp') : r(n, wide));
const immediate = (n: number | bigint): string => (n < 0 ? `#-${hex(-n)}` : `#${hex(n)}`);
const hex = (n: number | bigint): string => (n < 10 ? String(n) : `0x${n.toString(16)}`);
const signed = (n: number, bits: number): number => (n << (32 - bits)) >> (32 - bits);
const at = (pc: bigint, offset: number): string => `0x${BigInt.asUintN(64, pc + BigInt(offset)).toString(16)}`;
const list = (name: string, ...operands: readonly (string | null)[]): string =>
  `${name} ${operands.filter((operand) => operand !== null).join(', ')}`;

function bitfield(
  sf: number,
  opc: number,
  n: number,
  immr: number,
  imms: number,
  rn: number,
  rd: number,
): string | null {
  const top = sf ? 63 : 31;
  if (n !== sf || opc === 3 || immr > top || imms > top) return null;
  const [to, from] = [r(rd, sf), r(rn, sf)];
  if (opc !== 1 && imms === top) return list(opc === 0 ? 'asr' : 'lsr', to, from, immediate(immr));
  if (opc === 2 && imms + 1 === immr) return list('lsl', to, from, immediate(top - imms));
  if (immr === 0 && opc === 0 && (imms === 7 || imms === 15 || (imms === 31 && sf))) {
    return list(`sxt${imms === 7 ? 'b' : imms === 15 ? 'h' : 'w'}`, to, r(rn, 0));
  }
  return list(['sbfm', 'bfm', 'ubfm'][opc] as string, to, from, immediate(immr), immediate(imms));
}

/**
 * Decodes size, V and opc of a load or store: the mnemonic without "ld" or "st", the register, and
 * log2 of the bytes. Null when unallocated.
 */
function transfer(size: number, v: number, opc: number, rt: number) {
  if (v === 1) {
    const scale = size | ((opc & 2) << 1);
    if (scale > 4) return null;
    return { load: (opc & 1) === 1, kind: '', register: `${'bhsdq'[scale]}${rt}`, scale };
  }
  if (opc >= 2 && (size === 3 || (size === 2 && opc === 3))) return null;
  const kind = `${opc >= 2 ? 's' : ''}${opc >= 2 ? 'bhw'[size] : ['b', 'h', '', ''][size]}`;
  return { load: opc !== 0, kind, register: r(rt, opc === 2 || size === 3), scale: size };
}

const named = (what: { readonly load: boolean; readonly kind: string }, way = 'r'): string =>
  `${what.load ? 'ld' : 'st'}${way}${what.kind}`;

function shifted(register: string, shift: number, amount: number): string {
  return amount === 0 && shift === 0 ? register : `${register}, ${SHIFTS[shift]} ${immediate(amount)}`;
}

const ADD = ['add', 'adds', 'sub', 'subs'] as const;
const LOGICAL = ['and', 'orr', 'eor', 'ands', 'bic', 'orn', 'eon', 'bics'] as const;
const ATOMICS = 'ldadd ldclr ldeor ldset ldsmax ldsmin ldumax ldumin'.split(' ');
const HINTS = 'nop yield wfe wfi sev sevl'.split(' ');
/** Barrier options by CRm; an empty name is printed as its number. */
const BARRIERS = ', oshld, oshst, osh,, nshld, nshst, nsh,, ishld, ishst, ish,, ld, st, sy'
  .split(',')
  .map((name) => name.trim());
/** SYS aliases by op1, CRn, CRm and op2. */
const OPERATIONS: ReadonlyMap<string, string> = new Map(
  [
    '3 7 4 1: dc zva, 3 7 10 1: dc cvac, 3 7 11 1: dc cvau, 3 7 14 1: dc civac, 0 7 6 1: dc ivac',
    '3 7 5 1: ic ivau, 0 7 5 0: ic iallu, 0 7 1 0: ic ialluis',
    '0 7 8 0: at s1e1r, 0 7 8 1: at s1e1w, 0 7 8 2: at s1e0r, 4 7 8 4: at s12e1r',
    '0 8 3 0: tlbi vmalle1is, 0 8 7 0: tlbi vmalle1, 0 8 3 1: tlbi vae1is, 0 8 7 1: tlbi vae1',
    '0 8 3 2: tlbi aside1is, 0 8 3 3: tlbi vaae1is, 0 8 3 5: tlbi vale1is, 0 8 3 7: tlbi vaale1is',
    '4 8 0 1: tlbi ipas2e1is, 4 8 3 6: tlbi vmalls12e1is, 4 8 3 4: tlbi alle1is',
  ].flatMap((line) => line.split(', ').map((one) => one.split(': ') as [string, string])),
);
/** Exception-generating instructions by opc and LL. */
const CALLS: Readonly<Record<string, string>> = {
  '0 1': 'svc',
  '0 2': 'hvc',
  '0 3': 'smc',
  '1 0': 'brk',
  '2 0': 'hlt',
};
const PSTATE_FIELDS: Readonly<Record<string, string>> = {
  '3 6': 'daifset',
  '3 7': 'daifclr',
  '0 5': 'spsel',
  '0 4': 'pan',
  '0 3': 'uao',
};
const TWO_SOURCES: Readonly<Record<number, string>> = {
  2: 'udiv',
  3: 'sdiv',
  8: 'lsl',
  9: 'lsr',
  10: 'asr',
  11: 'ror',
};
const FP_TWO = 'fmul fdiv fadd fsub fmax fmin fmaxnm fminnm fnmul'.split(' ');

const fp = (n: number, ftype: number): string | null => (ftype === 2 ? null : `${FP_SIZES[ftype]}${n}`);

const ROWS: readonly Row[] = [
  row('op immlo:2 10000 immhi:19 Rd', ({ op, immlo, immhi, Rd }, pc) => {
    const offset = signed(immhi, 19) * 4 + immlo;
    return op === 0 ? list('adr', r(Rd, 1), at(pc, offset)) : list('adrp', r(Rd, 1), at(pc & ~0xfffn, offset * 4096));
  }),
  row('sf op S 100010 sh imm12:12 Rn Rd', ({ sf, op, S, sh, imm12, Rn, Rd }) => {
    const amount = `${immediate(imm12)}${sh === 1 ? ', lsl #12' : ''}`;
    if (S === 1 && Rd === 31) return list(op === 1 ? 'cmp' : 'cmn', rsp(Rn, sf), amount);
    if (S + op + imm12 + sh === 0 && (Rd === 31 || Rn === 31)) return list('mov', rsp(Rd, sf), rsp(Rn, sf));
    return list(ADD[2 * op + S] as string, S === 1 ? r(Rd, sf) : rsp(Rd, sf), rsp(Rn, sf), amount);
  }),
  row('sf opc:2 100100 N immr:6 imms:6 Rn Rd', ({ sf, opc, N, immr, imms, Rn, Rd }) => {
    const pattern = sf === 0 && N === 1 ? null : decodeBitMask(N, imms, immr);
    if (pattern === null) return null;
    const mask = BigInt.asUintN(sf === 1 ? 64 : 32, pattern);
    if (opc === 3 && Rd === 31) return list('tst', r(Rn, sf), immediate(mask));
    return list(LOGICAL[opc] as string, opc === 3 ? r(Rd, sf) : rsp(Rd, sf), r(Rn, sf), immediate(mask));
  }),
  row('sf opc:2 100101 hw:2 imm16:16 Rd', ({ sf, opc, hw, imm16, Rd }) => {
    if (opc === 1 || (sf === 0 && hw > 1)) return null;
    const name = ['movn', '', 'movz', 'movk'][opc] as string;
    return list(name, r(Rd, sf), immediate(imm16), hw === 0 ? null : `lsl #${16 * hw}`);
  }),
  row('sf opc:2 100110 N immr:6 imms:6 Rn Rd', ({ sf, opc, N, immr, imms, Rn, Rd }) =>
    bitfield(sf, opc, N, immr, imms, Rn, Rd),
  ),
  row('sf 00 100111 N 0 Rm imms:6 Rn Rd', ({ sf, N, Rm, imms, Rn, Rd }) =>
    N !== sf || (sf === 0 && imms > 31) ? null : list('extr', r(Rd, sf), r(Rn, sf), r(Rm, sf), immediate(imms)),
  ),
  row('op 00101 imm26:26', ({ op, imm26 }, pc) => list(op === 1 ? 'bl' : 'b', at(pc, signed(imm26, 26) * 4))),
  row('01010100 imm19:19 0 cond:4', ({ imm19, cond }, pc) => `b.${CONDITIONS[cond]} ${at(pc, signed(imm19, 19) * 4)}`),
  row('sf 011010 op imm19:19 Rt', ({ sf, op, imm19, Rt }, pc) =>
    list(op === 1 ? 'cbnz' : 'cbz', r(Rt, sf), at(pc, signed(imm19, 19) * 4)),
  ),
  row('b5 011011 op b40:5 imm14:14 Rt', ({ b5, op, b40, imm14, Rt }, pc) =>
    list(op === 1 ? 'tbnz' : 'tbz', r(Rt, b5), `#${32 * b5 + b40}`, at(pc, signed(imm14, 14) * 4)),
  ),
  row('11010110000 11111 000000 Rn 00000', ({ Rn }) => list('br', r(Rn, 1))),
  row('11010110001 11111 000000 Rn 00000', ({ Rn }) => list('blr', r(Rn, 1))),
  row('11010110010 11111 000000 Rn 00000', ({ Rn }) => (Rn === 30 ? 'ret' : list('ret', r(Rn, 1)))),
  row('11010110100 11111 000000 11111 00000', () => 'eret'),
  row('11010100 opc:3 imm16:16 000 LL:2', ({ opc, imm16, LL }) => {
    const name = CALLS[`${opc} ${LL}`];
    return name === undefined ? null : list(name, immediate(imm16));
  }),
  row('11010101000000110010 CRm:4 op2:3 11111', ({ CRm, op2 }) => HINTS[8 * CRm + op2] ?? `hint #${8 * CRm + op2}`),
  row('11010101000000110011 CRm:4 op2:3 11111', ({ CRm, op2 }) => {
    const name = { 2: 'clrex', 4: 'dsb', 5: 'dmb', 6: 'isb' }[op2];
    if (name === undefined || (op2 === 4 && BARRIERS[CRm] === '')) return null;
    if (op2 === 2 || op2 === 6) return CRm === 15 ? name : `${name} #${CRm}`;
    return `${name} ${BARRIERS[CRm] === '' ? `#${CRm}` : BARRIERS[CRm]}`;
  }),
  row('1101010100000 op1:3 0100 CRm:4 op2:3 11111', ({ op1, CRm, op2 }) => {
    const name = PSTATE_FIELDS[`${op1} ${op2}`];
    // Single-bit fields take an immediate of 0 or 1; DAIFSet and DAIFClr take a mask.
    return name === undefined || (op1 === 0 && CRm > 1) ? null : list('msr', name, `#${CRm}`);
  }),
  row('1101010100 L 01 op1:3 CRn:4 CRm:4 op2:3 Rt', ({ L, op1, CRn, CRm, op2, Rt }) => {
    const name = OPERATIONS.get(`${op1} ${CRn} ${CRm} ${op2}`);
    if (L === 0 && name !== undefined) {
      const isOfNone = /iallu|vmall|alle1/.test(name);
      if (isOfNone === (Rt === 31)) return isOfNone ? name : `${name}, ${r(Rt, 1)}`;
    }
    const of = [`#${op1}`, `C${CRn}`, `C${CRm}`, `#${op2}`] as const;
    return L === 1 ? list('sysl', r(Rt, 1), ...of) : list('sys', ...of, Rt === 31 ? null : r(Rt, 1));
  }),
  row('1101010100 L 1 o0 op1:3 CRn:4 CRm:4 op2:3 Rt', ({ L, o0, op1, CRn, CRm, op2, Rt }) => {
    const encoding: SystemRegisterEncoding = [2 + o0, op1, CRn, CRm, op2];
    const name = systemRegisterName(encoding).toLowerCase();
    return L === 1 ? list('mrs', r(Rt, 1), name) : list('msr', name, r(Rt, 1));
  }),

  row('size:2 111 V 01 opc:2 imm12:12 Rn Rt', ({ size, V, opc, imm12, Rn, Rt }) => {
    if (size === 3 && V === 0 && opc === 2) return list('prfm', `#${Rt}`, address(Rn, imm12 * 8));
    const what = transfer(size, V, opc, Rt);
    return what === null ? null : list(named(what), what.register, address(Rn, imm12 * 2 ** what.scale));
  }),
  row('size:2 111 V 00 opc:2 0 imm9:9 mode:2 Rn Rt', ({ size, V, opc, imm9, mode, Rn, Rt }) => {
    const offset = signed(imm9, 9);
    const what = transfer(size, V, opc, Rt);
    if (size === 3 && V === 0 && opc === 2 && mode === 0) return list('prfum', `#${Rt}`, address(Rn, offset));
    if (what === null || (mode === 2 && V === 1)) return null;
    if (mode === 1) return list(named(what), what.register, address(Rn, 0), immediate(offset));
    if (mode === 3) return `${list(named(what), what.register, `[${rsp(Rn, 1)}, ${immediate(offset)}]`)}!`;
    return list(named(what, mode === 0 ? 'ur' : 'tr'), what.register, address(Rn, offset));
  }),
  row('size:2 111 V 00 opc:2 1 Rm option:3 S 10 Rn Rt', ({ size, V, opc, Rm, option, S, Rn, Rt }) => {
    if ((option & 2) === 0) return null;
    const what = transfer(size, V, opc, Rt);
    if (what === null) return null;
    const amount = S === 1 ? ` #${what.scale}` : '';
    const extended = option === 3 ? (S === 1 ? `, lsl${amount}` : '') : `, ${EXTENSIONS[option]}${amount}`;
    return list(named(what), what.register, `[${rsp(Rn, 1)}, ${r(Rm, option & 1)}${extended}]`);
  }),
  row('opc:2 011 V 00 imm19:19 Rt', ({ opc, V, imm19, Rt }, pc) => {
    const target = at(pc, signed(imm19, 19) * 4);
    if (V === 1) return opc === 3 ? null : list('ldr', `${'sdq'[opc]}${Rt}`, target);
    if (opc === 3) return list('prfm', `#${Rt}`, target);
    return list(opc === 2 ? 'ldrsw' : 'ldr', r(Rt, opc !== 0), target);
  }),
  row('opc:2 101 V 0 mode:2 L imm7:7 Rt2 Rn Rt', ({ opc, V, mode, L, imm7, Rt2, Rn, Rt }) => {
    if (opc === 3 || (V === 0 && opc === 1 && (L === 0 || mode === 0))) return null;
    const scale = V === 1 ? 2 + opc : opc === 2 ? 3 : 2;
    const register = (n: number): string => (V === 1 ? `${'sdq'[opc]}${n}` : r(n, opc));
    const name = `${L === 1 ? 'ld' : 'st'}${mode === 0 ? 'n' : ''}p${V === 0 && opc === 1 ? 'sw' : ''}`;
    const offset = signed(imm7, 7) * 2 ** scale;
    const where = mode === 1 ? `[${rsp(Rn, 1)}], ${immediate(offset)}` : address(Rn, offset, mode === 3);
    return `${list(name, register(Rt), register(Rt2), where)}${mode === 3 ? '!' : ''}`;
  }),
  row('size:2 001000 o2 L o1 Rs o0 Rt2 Rn Rt', ({ size, o2, L, o1, Rs, o0, Rt2, Rn, Rt }) => {
    const [to, where] = [r(Rt, size === 3), address(Rn, 0)];
    const suffix = ['b', 'h', '', ''][size] as string;
    if (o1 === 1 && (o2 === 1 || size < 2)) {
      if (o2 === 0) return null;
      const order = `${L === 1 ? 'a' : ''}${o0 === 1 ? 'l' : ''}`;
      return Rt2 === 31 ? list(`cas${order}${suffix}`, r(Rs, size === 3), to, where) : null;
    }
    if (o2 === 1) {
      if (Rs !== 31 || Rt2 !== 31) return null;
      return list(`${L === 1 ? 'ld' : 'st'}${o0 === 0 ? 'l' : ''}${L === 1 ? 'a' : 'l'}r${suffix}`, to, where);
    }
    if ((o1 === 0 && Rt2 !== 31) || (L === 1 && Rs !== 31)) return null;
    const name = `${L === 1 ? 'ld' : 'st'}${o0 === 1 ? (L === 1 ? 'a' : 'l') : ''}x${o1 === 1 ? 'p' : 'r'}${suffix}`;
    return list(name, L === 1 ? null : r(Rs, 0), to, o1 === 1 ? r(Rt2, size === 3) : null, where);
  }),
  row('size:2 111000 A R:1 1 Rs o3 opc:3 00 Rn Rt', ({ size, A, R, Rs, o3, opc, Rn, Rt }) => {
    const wide = size === 3;
    const suffix = ['b', 'h', '', ''][size] as string;
    const isLoad = o3 === 1 && opc === 4 && A === 1 && R === 0 && Rs === 31;
    if (isLoad) return list(`ldapr${suffix}`, r(Rt, wide), address(Rn, 0));
    if (o3 === 1 && opc !== 0) return null;
    const order = `${A === 1 ? 'a' : ''}${R === 1 ? 'l' : ''}`;
    return list(`${o3 === 1 ? 'swp' : ATOMICS[opc]}${order}${suffix}`, r(Rs, wide), r(Rt, wide), address(Rn, 0));
  }),

  row('sf opc:2 01010 shift:2 N Rm imm6:6 Rn Rd', ({ sf, opc, shift, N, Rm, imm6, Rn, Rd }) => {
    if (sf === 0 && imm6 > 31) return null;
    const second = shifted(r(Rm, sf), shift, imm6);
    if (opc === 1 && Rn === 31 && shift + imm6 === 0) return list(N === 1 ? 'mvn' : 'mov', r(Rd, sf), second);
    if (opc === 3 && N === 0 && Rd === 31) return list('tst', r(Rn, sf), second);
    return list(LOGICAL[opc + 4 * N] as string, r(Rd, sf), r(Rn, sf), second);
  }),
  row('sf op S 01011 shift:2 0 Rm imm6:6 Rn Rd', ({ sf, op, S, shift, Rm, imm6, Rn, Rd }) => {
    if (shift === 3 || (sf === 0 && imm6 > 31)) return null;
    const second = shifted(r(Rm, sf), shift, imm6);
    if (S === 1 && Rd === 31) return list(op === 1 ? 'cmp' : 'cmn', r(Rn, sf), second);
    if (op === 1 && Rn === 31) return list(S === 1 ? 'negs' : 'neg', r(Rd, sf), second);
    return list(ADD[2 * op + S] as string, r(Rd, sf), r(Rn, sf), second);
  }),
  row('sf op S 01011001 Rm option:3 imm3:3 Rn Rd', ({ sf, op, S, Rm, option, imm3, Rn, Rd }) => {
    if (imm3 > 4) return null;
    const extension = `${EXTENSIONS[option]}${imm3 === 0 ? '' : ` #${imm3}`}`;
    const [first, second] = [rsp(Rn, sf), `${r(Rm, sf === 1 && (option & 3) === 3)}, ${extension}`];
    if (S === 1 && Rd === 31) return list(op === 1 ? 'cmp' : 'cmn', first, second);
    return list(ADD[2 * op + S] as string, S === 1 ? r(Rd, sf) : rsp(Rd, sf), first, second);
  }),
  row('sf op S 11010000 Rm 000000 Rn Rd', ({ sf, op, S, Rm, Rn, Rd }) =>
    list(`${op === 1 ? 'sbc' : 'adc'}${S === 1 ? 's' : ''}`, r(Rd, sf), r(Rn, sf), r(Rm, sf)),
  ),
  row('sf op 111010010 Rm cond:4 mode 0 Rn 0 nzcv:4', ({ sf, op, Rm, cond, mode, Rn, nzcv }) =>
    list(
      op === 1 ? 'ccmp' : 'ccmn',
      r(Rn, sf),
      mode === 1 ? `#${Rm}` : r(Rm, sf),
      `#${nzcv}`,
      CONDITIONS[cond] as string,
    ),
  ),
  row('sf op 011010100 Rm cond:4 0 o2 Rn Rd', ({ sf, op, Rm, cond, o2, Rn, Rd }) => {
    const isSet = o2 !== op && Rm === 31 && Rn === 31 && cond < 14;
    if (isSet) return list(op === 1 ? 'csetm' : 'cset', r(Rd, sf), CONDITIONS[cond ^ 1] as string);
    const name = ['csel', 'csinc', 'csinv', 'csneg'][2 * op + o2] as string;
    return list(name, r(Rd, sf), r(Rn, sf), r(Rm, sf), CONDITIONS[cond] as string);
  }),
  row('sf 0011010110 Rm opcode:6 Rn Rd', ({ sf, Rm, opcode, Rn, Rd }) => {
    if (opcode >= 16 && opcode < 24) {
      const isDouble = (opcode & 3) === 3;
      if (isDouble !== (sf === 1)) return null;
      return list(`crc32${opcode >= 20 ? 'c' : ''}${'bhwx'[opcode & 3]}`, r(Rd, 0), r(Rn, 0), r(Rm, sf));
    }
    const name = TWO_SOURCES[opcode];
    return name === undefined ? null : list(name, r(Rd, sf), r(Rn, sf), r(Rm, sf));
  }),
  row('sf 101101011000000 opcode:6 Rn Rd', ({ sf, opcode, Rn, Rd }) => {
    const name = ['rbit', 'rev16', sf === 1 ? 'rev32' : 'rev', sf === 1 ? 'rev' : undefined, 'clz', 'cls'][opcode];
    return name === undefined ? null : list(name, r(Rd, sf), r(Rn, sf));
  }),
  row('sf 0011011 op31:3 Rm o0 Ra Rn Rd', ({ sf, op31, Rm, o0, Ra, Rn, Rd }) => {
    if (op31 === 0) {
      if (Ra === 31) return list(o0 === 1 ? 'mneg' : 'mul', r(Rd, sf), r(Rn, sf), r(Rm, sf));
      return list(o0 === 1 ? 'msub' : 'madd', r(Rd, sf), r(Rn, sf), r(Rm, sf), r(Ra, sf));
    }
    const sign = op31 >= 5 ? 'u' : 's';
    if (sf === 0 || ((op31 & 3) !== 1 && (o0 === 1 || (op31 & 3) !== 2))) return null;
    if ((op31 & 3) === 2) return Ra === 31 ? list(`${sign}mulh`, r(Rd, 1), r(Rn, 1), r(Rm, 1)) : null;
    return list(`${sign}m${o0 === 1 ? 'sub' : 'add'}l`, r(Rd, 1), r(Rn, 0), r(Rm, 0), r(Ra, 1));
  }),

  row('00011110 ftype:2 1 Rm opcode:4 10 Rn Rd', ({ ftype, Rm, opcode, Rn, Rd }) => {
    const name = FP_TWO[opcode];
    return name === undefined || ftype === 2 ? null : list(name, fp(Rd, ftype), fp(Rn, ftype), fp(Rm, ftype));
  }),
  row('00011110 ftype:2 1 opcode:6 10000 Rn Rd', ({ ftype, opcode, Rn, Rd }) => {
    const name = ['fmov', 'fabs', 'fneg', 'fsqrt'][opcode];
    if (ftype === 2) return null;
    if (name !== undefined) return list(name, fp(Rd, ftype), fp(Rn, ftype));
    const to = opcode - 4;
    return to < 0 || to > 3 || to === 2 || to === ftype ? null : list('fcvt', fp(Rd, to), fp(Rn, ftype));
  }),
  row('sf 0011110 ftype:2 1 rmode:2 opcode:3 000000 Rn Rd', ({ sf, ftype, rmode, opcode, Rn, Rd }) => {
    if (ftype === 2) return null;
    const isMove = rmode === 0 && opcode >= 6 && (ftype === 3 || ftype === sf);
    if (isMove) return opcode === 6 ? list('fmov', r(Rd, sf), fp(Rn, ftype)) : list('fmov', fp(Rd, ftype), r(Rn, sf));
    const fromInteger = rmode === 0 ? { 2: 'scvtf', 3: 'ucvtf' }[opcode] : undefined;
    if (fromInteger !== undefined) return list(fromInteger, fp(Rd, ftype), r(Rn, sf));
    return opcode < 2 ? list(`fcvt${'npmz'[rmode]}${opcode === 1 ? 'u' : 's'}`, r(Rd, sf), fp(Rn, ftype)) : null;
  }),
  row('00011110 ftype:2 1 Rm 001000 Rn E Z 000', ({ ftype, Rm, Rn, E, Z }) => {
    if (ftype === 2 || (Z === 1 && Rm !== 0)) return null;
    return list(E === 1 ? 'fcmpe' : 'fcmp', fp(Rn, ftype), Z === 1 ? '#0.0' : fp(Rm, ftype));
  }),
];

function address(base: number, offset: number, isWritten = false): string {
  return offset === 0 && !isWritten ? `[${rsp(base, 1)}]` : `[${rsp(base, 1)}, ${immediate(offset)}]`;
}

/** Assembly text of the allocated word `word`, or null where no row here describes it. */
export function assemblyOf(word: number, pc: bigint): string | null {
  for (const { pattern, format } of ROWS) {
    if (((word ^ pattern.value) & pattern.mask) !== 0) continue;
    const text = format(fieldsOf(word, pattern.fields), pc);
    if (text !== null) return text;
  }
  return null;
}
