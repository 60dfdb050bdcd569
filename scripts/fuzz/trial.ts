// SPDX-License-Identifier: GPL-2.0-only
/**
 * One trial: a machine that executes a plan, site after site, each with limits that must hold.
 *
 *     RAM + 0x10_0000  vectors: a gate at each    + 0x11_0000  a page of words for each site
 *         + 0x20_0000  page tables                + 0x40_0000  data
 */

import { findBoard } from '#boards/registry.ts';
import type { CoreFactory, MachineCore } from '#emulator/cpu/machine-core.ts';
import { SYSTEM_REGISTERS, type SystemRegisterName } from '#emulator/engine/system-registers.ts';
import type { Machine } from '#emulator/machine/machine.ts';
import { buildBoardMachine } from '#workbench/machine/board-machine.ts';
import type { FuzzPlan, FuzzSite } from './plan.ts';
import { type RandomSource, randomSource } from './random.ts';

/** From the start of RAM. */
const VECTORS = 0x10_0000;
const CODE = 0x11_0000;
const TABLES = 0x20_0000;
const DATA = 0x40_0000;
/** Start of RAM, and addresses of devices. */
const PLACES = {
  'qemu-virt': {
    ram: 0x4000_0000,
    devices: [0x0800_0000, 0x0801_0000, 0x080a_0000, 0x0900_0000, 0x0901_0000, 0x0a00_3e00],
  },
  pixel6: { ram: 0x8000_0000, devices: [0x1005_0000, 0x1006_0000, 0x1040_0000, 0x1044_0000, 0x10a0_0000, 0x1746_0000] },
} as const;

/** The same, and the parts of RAM as addresses. */
type Layout = ReturnType<typeof layoutOf>;

function layoutOf(board: FuzzPlan['board']) {
  const { ram, devices } = PLACES[board];
  return { ram, vectors: ram + VECTORS, code: ram + CODE, tables: ram + TABLES, data: ram + DATA, devices };
}
/** Frames that random descriptors point to as tables. */
const TABLE_FRAMES = 8;
const PAGE = 0x1000;
const CODE_PAGES = 64;
const ENTRIES = 512;

/** The gate that the vectors execute. */
const GATE = 0x7f0f;
const HLT_GATE = (0xd440_0000 | (GATE << 5)) >>> 0;
/** Vectors: four groups of four kinds. */
const VECTOR_BYTES = 0x80;
const VECTOR_COUNT = 16;

/** Limits of a site, in instructions and in simulated time. */
const INSTRUCTIONS = 200;
const TIME_NS = 50_000;

/** SCR_EL3: NS, RW, HCE. HCR_EL2: RW. */
const SANE: readonly [SystemRegisterName, bigint][] = [
  ['SCR_EL3', 0x531n],
  ['HCR_EL2', 1n << 31n],
  ['SCTLR_EL1', 0x30d0_0800n],
  ['SCTLR_EL2', 0x30c5_0830n],
  ['SCTLR_EL3', 0x30c5_0830n],
  ['CPACR_EL1', 3n << 20n],
  ['MAIR_EL1', 0x00ffn],
  // 48 bits each way, 4 KiB, 44 bits of physical address
  ['TCR_EL1', 16n | (16n << 16n) | (2n << 30n) | (4n << 32n)],
];
/** SCTLR_EL1 with M, C and I. */
const SCTLR_MMU_ON = 0x30d0_1805n;

/**
 * Descriptors: a block or page that is accessed, shareable, readable at both levels and written at
 * neither; one for data.
 */
const CODE_BLOCK = 0x7c1n;
const DATA_BLOCK = 0x741n;

/** A limit that did not hold, or another thing that must not be. */
export class BrokenInvariant extends Error {}

/** @throws whatever the machine throws; BrokenInvariant */
export function runTrial(plan: FuzzPlan, cores: CoreFactory, before: (site: number) => void = () => {}): void {
  const { machine } = buildBoardMachine({
    board: findBoard(plan.board).create(plan.board === 'pixel6' ? {} : { gicVersion: plan.gicVersion }),
    firmware: new Uint8Array(4),
    cores,
  });
  const layout = layoutOf(plan.board);
  machine.setGates({ owns: (immediate) => immediate === GATE, enter: () => machine.stop() });
  try {
    plan.sites.forEach((site, index) => {
      before(index);
      // Pages of their own: code that was translated once need not be dropped.
      prepare(machine, layout, site, layout.code + PAGE * (index % CODE_PAGES), index === 0);
      runSite(machine);
    });
  } finally {
    machine.close();
  }
}

function runSite(machine: Machine): void {
  const { clock } = machine;
  const most = clock.instructions + INSTRUCTIONS;
  const stop = machine.run({ maxInstructions: most, untilNs: clock.nowNs + TIME_NS });
  if (clock.instructions > most) {
    throw new BrokenInvariant(`${clock.instructions - most} instructions more than the limit, ended by ${stop.kind}`);
  }
}

function prepare(machine: Machine, layout: Layout, site: FuzzSite, code: number, first: boolean): void {
  const { memory, bootCore: core } = machine;
  const { engine } = core;
  for (let vector = 0; vector < VECTOR_COUNT; vector++) {
    memory.write32(layout.vectors + VECTOR_BYTES * vector, HLT_GATE);
  }
  for (let word = 0; word < PAGE / 4; word++) memory.write32(code + 4 * word, site.words[word] ?? HLT_GATE);
  machine.reset(code, site.level === 0 ? 1 : site.level);
  const set = (name: SystemRegisterName, value: bigint) => core.writeSystemRegister(SYSTEM_REGISTERS[name], value);
  if (site.fresh || first) {
    for (const [name, value] of SANE) set(name, value);
    for (const name of ['VBAR_EL1', 'VBAR_EL2', 'VBAR_EL3'] as const) set(name, BigInt(layout.vectors));
  }
  if (site.tables !== 'off') {
    writeTables(machine, layout, site.tables);
    set('TTBR0_EL1', BigInt(layout.tables));
    set('TTBR1_EL1', BigInt(layout.tables));
    set('SCTLR_EL1', SCTLR_MMU_ON);
  }
  for (const { encoding, value } of site.registers) core.writeSystemRegister(encoding, BigInt(value));
  setOperands(core, layout, randomSource(site.operands));
  // At EL0 and EL1 with interrupts on; above with everything masked.
  engine.setPstate(site.level === 0 ? 0 : site.level === 1 ? 0x5 : 0x3c1 | (site.level << 2));
  engine.setSp(BigInt(layout.data + 0x8000));
  // A system register last: the engine then notices level and tables.
  engine.setSystemRegister(SYSTEM_REGISTERS.MAIR_EL1, 0x00ffn);
  engine.flushTlb();
  engine.setPc(BigInt(code));
}

/** Places that a guest's registers point to. */
function setOperands({ engine }: MachineCore, { code, data, devices }: Layout, random: RandomSource): void {
  const operand = (): bigint => {
    switch (random.below(6)) {
      case 0:
        return random.wide();
      case 1:
        return BigInt(random.below(0x100));
      case 2:
        return BigInt(random.of(devices) + random.below(PAGE));
      case 3:
        return BigInt(code + 4 * random.below(16));
      default:
        return BigInt(data + 8 * random.below(PAGE));
    }
  };
  for (let x = 0; x < 31; x++) engine.setX(x, operand());
}

/**
 * One table of each level whose entry 0 leads on, so that RAM is mapped one to one; with a seed,
 * everything around is random.
 */
function writeTables({ memory }: Machine, layout: Layout, tables: 'sane' | number): void {
  const random = tables === 'sane' ? null : randomSource(tables);
  for (let frame = 0; frame < TABLE_FRAMES; frame++) {
    for (let entry = 0; entry < ENTRIES; entry++) {
      const value = random === null || !random.oneIn(4) ? 0n : randomDescriptor(random, layout);
      memory.write64(layout.tables + PAGE * frame + 8 * entry, value);
    }
  }
  const table = (frame: number) => BigInt(layout.tables + PAGE * frame) | 3n;
  memory.write64(layout.tables, table(1));
  memory.write64(layout.tables + PAGE + 8 * (layout.ram / 2 ** 30), table(2));
  memory.write64(layout.tables + 2 * PAGE, BigInt(layout.ram) | CODE_BLOCK);
  for (let block = 2; block < 4; block++) {
    memory.write64(layout.tables + 2 * PAGE + 8 * block, BigInt(layout.ram + block * 0x20_0000) | DATA_BLOCK);
  }
}

function randomDescriptor(random: RandomSource, layout: Layout): bigint {
  const attributes = (random.wide() & 0xfff0_0000_0000_0ffcn) | BigInt(random.of([0, 1, 1, 3, 3, 3]));
  const output = random.of([
    BigInt(layout.tables + PAGE * random.below(TABLE_FRAMES)),
    BigInt(layout.data + PAGE * random.below(ENTRIES)),
    BigInt(random.of(layout.devices)),
    random.wide() & 0xffff_ffff_f000n,
  ]);
  return output | attributes;
}
