// SPDX-License-Identifier: GPL-2.0-only
/** Translations of each regime, and how long the TLB keeps them. */

import { describe, expect, it } from 'vitest';
import {
  CORE_BYTES,
  FETCH_ENTRY,
  FETCH_START,
  fetchIndex,
  LAYOUT,
  MOST_SYSTEM_REGISTERS,
  TLB_ENTRIES,
  TLB_ENTRY,
} from './layout.ts';
import { CoreState, PSTATE } from './core-state.ts';
import { coreTypeOf, CORTEX_A72 } from './core-types.ts';
import { allows, REGIME, type Regime, Regimes } from './regimes.ts';
import { systemRegisterNumber, type SystemRegisterEncoding } from '#emulator/engine/system-registers.ts';
import { RegisterFile } from './system/register-file.ts';
import { Tlb, type Page } from './tlb.ts';

const SCTLR: Readonly<Record<number, SystemRegisterEncoding>> = { 2: [3, 4, 1, 0, 0], 3: [3, 6, 1, 0, 0] };
const TCR: Readonly<Record<number, SystemRegisterEncoding>> = { 2: [3, 4, 2, 0, 2], 3: [3, 6, 2, 0, 2] };
const MAIR_EL2: SystemRegisterEncoding = [3, 4, 10, 2, 0];

function core(level: number, type = CORTEX_A72) {
  const noPorts = {} as ConstructorParameters<typeof CoreState>[2];
  const state = new CoreState(new ArrayBuffer(CORE_BYTES), 0, noPorts, () => true);
  state.pstate = (level << 2) | PSTATE.sp;
  const file = new RegisterFile(new BigUint64Array(MOST_SYSTEM_REGISTERS), type);
  const tables = new Map<number, bigint>();
  const regimes = new Regimes(state, file, (address) => tables.get(address) ?? 0n);
  const set = (encoding: SystemRegisterEncoding, value: bigint) => {
    const register = file.find(systemRegisterNumber(encoding));
    if (register === undefined) throw new RangeError(encoding.join(' '));
    file.write(register, value);
  };
  return { state, file, tables, regimes, set };
}

describe('LDTR and STTR', () => {
  it.each([
    [0, 0, REGIME.el0],
    [1, 0, REGIME.el0],
    [1, PSTATE.pan, REGIME.el0],
    [1, PSTATE.uao, REGIME.el1],
    [2, 0, REGIME.el2],
    [3, 0, REGIME.el3],
  ])('at EL%i with PSTATE bits %i', (level, bits, regime) => {
    const { state, regimes } = core(level);
    state.setPlain(bits, bits);
    expect(regimes.unprivileged).toBe(regime);
  });
});

describe('EL2 with HCR_EL2.E2H', () => {
  const [E2H, TGE] = [1n << 34n, 1n << 27n];

  it.each([
    [2, E2H, 0, REGIME.el1, REGIME.el1, true],
    [2, E2H | TGE, 0, REGIME.el1, REGIME.el0, true],
    [2, E2H | TGE, PSTATE.uao, REGIME.el1, REGIME.el1, true],
    [2, E2H | TGE, PSTATE.pan, REGIME.el1WithoutUser, REGIME.el0, true],
    [0, E2H | TGE, 0, REGIME.el0, REGIME.el0, true],
    [0, E2H, 0, REGIME.el0, REGIME.el0, false],
    [1, E2H, 0, REGIME.el1, REGIME.el0, false],
    [0, TGE, 0, REGIME.el0, REGIME.el0, false],
  ])('at EL%i with HCR_EL2 %i and PSTATE bits %i', (level, hcr, bits, current, unprivileged, isOfEl2) => {
    const { state, file, regimes } = core(level);
    file.set('HCR_EL2', hcr);
    regimes.controlsChanged();
    state.setPlain(bits, bits);
    expect([regimes.current, regimes.unprivileged, regimes.isOfEl2]).toEqual([current, unprivileged, isOfEl2]);
    expect(regimes.tables.world === 'EL2&0').toBe(isOfEl2);
  });
});

describe('stage 2 that hardware manages (VTCR_EL2.HA and HD)', () => {
  const CORTEX_A76 = coreTypeOf(0x414f_d0b0);
  const [HA, HD] = [1n << 21n, 1n << 22n];
  const [PAGE, DBM, READ, WRITE, ACCESSED] = [3n, 1n << 51n, 1n << 6n, 1n << 7n, 1n << 10n];
  /** Stage 1 off; 4 KiB, 39 bits of IPA: tables at 0x1000, 0x2000 and 0x3000. */
  const walk = (leaf: bigint, controls: bigint, type = CORTEX_A76) => {
    const { file, tables, regimes, set } = core(1, type);
    file.set('SCR_EL3', 1n);
    file.set('HCR_EL2', 1n);
    set([3, 4, 2, 1, 2], (2n << 16n) | (1n << 6n) | 25n | controls);
    set([3, 4, 2, 1, 0], 0x1000n);
    tables.set(0x1000, 0x2003n);
    tables.set(0x2000, 0x3003n);
    tables.set(0x3010, 0x4000_0000n | PAGE | READ | leaf);
    return { found: regimes.translate(0x2000n, REGIME.el1), tables };
  };

  it('has its access flag set, where a core has that', () => {
    expect(walk(0n, HA).found).toMatchObject({ ok: true, used: [0x3010] });
    expect(walk(ACCESSED, HA).found).toMatchObject({ ok: true, used: [] });
    const fault = { ok: false, fault: { kind: 'access flag' }, stage2: { ipa: 0x2000, onWalk: false } };
    expect(walk(0n, 0n).found).toMatchObject(fault);
    expect(walk(0n, HA, CORTEX_A72).found).toMatchObject(fault);
  });

  it('may be written once its leaf says so, and says so then', () => {
    const { found, tables } = walk(ACCESSED | DBM, HA | HD);
    if (!found.ok) throw new Error(found.fault.kind);
    const { rights, whenDirty, clean } = found.page;
    expect([allows(rights, REGIME.el1, 'write'), allows(whenDirty, REGIME.el1, 'write')]).toEqual([false, true]);
    expect(clean.map(({ at }) => at)).toEqual([0x3010]);
    const before = tables.get(0x3010) as bigint;
    expect(clean[0]?.written(before)).toBe(before | WRITE);
    expect(walk(ACCESSED | DBM, HA).found).toMatchObject({ page: { clean: [], whenDirty: 0 } });
    expect(walk(ACCESSED, HA | HD).found).toMatchObject({ page: { clean: [], whenDirty: 0 } });
  });
});

describe('the regime of EL2 and EL3', () => {
  /** Level 1 table at 0x1000, level 2 at 0x2000; a block at the start of it. */
  const walk = (level: 2 | 3, table: bigint, leaf: bigint, sctlr = 1n) => {
    const { tables, regimes, set } = core(level);
    set(SCTLR[level] as SystemRegisterEncoding, sctlr);
    set(TCR[level] as SystemRegisterEncoding, 25n);
    set([3, level === 2 ? 4 : 6, 2, 0, 0], 0x1000n);
    set(MAIR_EL2, 0xff00n);
    tables.set(0x1000, 0x2003n | table);
    tables.set(0x2000, 0x4000_0701n | leaf);
    const regime: Regime = level === 2 ? REGIME.el2 : REGIME.el3;
    const found = regimes.translate(0n, regime);
    if (!found.ok) throw new Error(found.fault.kind);
    return {
      rights: (['read', 'write', 'fetch'] as const).filter((type) => allows(found.page.rights, regime, type)).join(' '),
      memory: found.page.memory,
    };
  };

  it.each([
    ['all', 0n, 0n, 1n, 'read write fetch'],
    ['AP[2]', 0n, 1n << 7n, 1n, 'read fetch'],
    ['XN', 0n, 1n << 54n, 1n, 'read write'],
    ['PXN, which is none there', 0n, 1n << 53n, 1n, 'read write fetch'],
    ['AP[1], which is none there', 0n, 1n << 6n, 1n, 'read write fetch'],
    ['APTable[1]', 1n << 62n, 0n, 1n, 'read fetch'],
    ['APTable[0], which is none there', 1n << 61n, 0n, 1n, 'read write fetch'],
    ['XNTable', 1n << 60n, 0n, 1n, 'read write'],
    ['WXN', 0n, 0n, 1n | (1n << 19n), 'read write'],
    ['WXN and read-only', 0n, 1n << 7n, 1n | (1n << 19n), 'read fetch'],
  ])('%s', (_text, table, leaf, sctlr, expected) => {
    for (const level of [2, 3] as const) expect(walk(level, table, leaf, sctlr).rights).toBe(expected);
  });

  it('has memory types of its own', () => {
    expect([walk(2, 0n, 0n).memory, walk(2, 0n, 1n << 2n).memory]).toEqual(['device', 'normal']);
  });
});

describe('what a core remembers of translations', () => {
  const PAGE: Page = {
    pa: 0x4000_0000,
    rights: 0o777,
    level: 3,
    whenDirty: 0,
    clean: [],
    size: 4096,
    isGlobal: false,
    memory: 'normal',
    host: 0x1000,
    hostWritable: true,
    isDevice: false,
    stage2: null,
  };
  const remembering = () => {
    const { state, regimes, file } = core(1);
    const tlb = new Tlb(state, () => regimes.tables);
    const use = (ttbr0: bigint) => {
      file.set('TTBR0_EL1', ttbr0);
      tlb.tablesChanged();
    };
    tlb.select(REGIME.el1, REGIME.el0);
    use(0x1_0000_0000_1000n);
    return { tlb, use, state, file };
  };
  const ASID_1 = 0x1_0000_0000_1000n;
  const ASID_2 = 0x2_0000_0000_1000n;

  it('is of an ASID and its tables, or of all', () => {
    const { tlb, use } = remembering();
    tlb.add(0x5000, 0, REGIME.el1, PAGE);
    tlb.add(0x6000, 0, REGIME.el1, { ...PAGE, isGlobal: true });
    const seen = () => [0x5000, 0x6000].map((low) => tlb.find(low, 0, REGIME.el1) !== undefined);
    expect(seen()).toEqual([true, true]);
    use(ASID_2);
    expect(seen()).toEqual([false, true]);
    use(0x1_0000_0000_9000n);
    expect(seen()).toEqual([false, false]);
    use(ASID_1);
    expect(seen()).toEqual([true, true]);
  });

  it.each([
    ['its page', { kind: 'page', page: 5, asid: 1 }, [false, true]],
    ['its page of another ASID', { kind: 'page', page: 5, asid: 2 }, [true, true]],
    ['its page of all', { kind: 'page', page: 5, asid: null }, [false, true]],
    ['a global page, whatever the ASID', { kind: 'page', page: 6, asid: 2 }, [true, false]],
    ['its ASID', { kind: 'asid', asid: 1 }, [false, true]],
    ['another ASID', { kind: 'asid', asid: 2 }, [true, true]],
    ["EL2's", { kind: 'level', level: 2 }, [true, true]],
    ['all', { kind: 'all' }, [false, false]],
  ] as const)('is forgotten by a TLBI of %s', (_text, scope, expected) => {
    const { tlb } = remembering();
    tlb.add(0x5000, 0, REGIME.el1, PAGE);
    tlb.add(0x6000, 0, REGIME.el1, { ...PAGE, isGlobal: true });
    tlb.invalidate(scope);
    expect([0x5000, 0x6000].map((low) => tlb.find(low, 0, REGIME.el1) !== undefined)).toEqual(expected);
  });

  it('goes with the whole block that it is part of, and under every top byte', () => {
    const { tlb } = remembering();
    const block = { ...PAGE, size: 0x20_0000 };
    tlb.add(0x20_0000, 0, REGIME.el1, block);
    tlb.add(0x3f_f000, 0xab00_0000 | 0, REGIME.el1, block);
    tlb.add(0x40_0000, 0, REGIME.el1, block);
    tlb.invalidate({ kind: 'page', page: 0x300, asid: null });
    const seen = [
      tlb.find(0x20_0000, 0, REGIME.el1),
      tlb.find(0x3f_f000, 0xab00_0000 | 0, REGIME.el1),
      tlb.find(0x40_0000, 0, REGIME.el1),
    ];
    expect(seen.map((page) => page !== undefined)).toEqual([false, false, true]);
  });

  it('keeps a page of code beside a page of data whose entries are numbered alike', () => {
    const { tlb, state } = remembering();
    const code = 0x80_0000;
    const data = code + TLB_ENTRIES * 4096;
    tlb.fillCode(code, 0, REGIME.el1, PAGE);
    tlb.fill(data, 0, REGIME.el1, PAGE);
    const slot = state.word(LAYOUT.tlb);
    const entry = slot + FETCH_START + fetchIndex(code >>> 12) * FETCH_ENTRY.bytes;
    const tags = [entry + FETCH_ENTRY.tag, slot + TLB_ENTRY.read].map((at) => state.wide[at / 8]);
    expect(tags).toEqual([BigInt(code), BigInt(data)]);
    tlb.invalidate({ kind: 'page', page: code >>> 12, asid: null });
    expect(state.wide[(entry + FETCH_ENTRY.tag) / 8]).toBe(2n ** 64n - 1n);
  });

  it('is where WebAssembly looks, and there again when the tables are back', () => {
    const { tlb, use, state } = remembering();
    const tagAt = (low: number): bigint => {
      const entry = (low >>> 12) % TLB_ENTRIES;
      return state.wide[(state.word(LAYOUT.tlb) + entry * TLB_ENTRY.bytes + TLB_ENTRY.read) / 8] as bigint;
    };
    tlb.fill(0x5000, 0, REGIME.el1, PAGE);
    expect(tagAt(0x5000)).toBe(0x5000n);
    use(ASID_2);
    expect([tlb.isBound(REGIME.el1), tagAt(0x5000)]).toEqual([false, 2n ** 64n - 1n]);
    use(ASID_1);
    tlb.fill(0x7000, 0, REGIME.el1, PAGE);
    expect([tagAt(0x5000), tagAt(0x7000)]).toEqual([0x5000n, 0x7000n]);
    tlb.invalidate({ kind: 'page', page: 5, asid: 1 });
    expect([tagAt(0x5000), tagAt(0x7000)]).toEqual([2n ** 64n - 1n, 0x7000n]);
    // More tables than there are slots.
    for (let asid = 3n; asid < 20n; asid++) {
      use((asid << 48n) | 0x1000n);
      tlb.fill(0x5000, 0, REGIME.el1, PAGE);
      expect(tagAt(0x7000)).toBe(2n ** 64n - 1n);
    }
    use(ASID_1);
    tlb.fill(0x8000, 0, REGIME.el1, PAGE);
    expect([tagAt(0x5000), tagAt(0x8000)]).toEqual([2n ** 64n - 1n, 0x8000n]);
  });
});
