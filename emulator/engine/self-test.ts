// SPDX-License-Identifier: GPL-2.0-only
/**
 * Checks in a few milliseconds that the engine in a library file does what the machine relies on:
 * for `npm run doctor`. Each check runs an engine of its own on a few instructions, so that one
 * failure does not hide the others. Not the test suite.
 *
 *     0x4000_0000  code | table | data     lent RAM, 64 KiB
 *     0x4100_0000  a device
 *     0x4200_0000  nothing
 *
 * Specification: Arm ARM DDI 0487 K.a, C6.2 (the instructions below), D24.2.40 (ESR_EL1), D24.2.141
 * (PAR_EL1).
 */

import { hex } from '#common/address.ts';
import { type CpuEngine, ENGINE_EXCEPTION, type EngineCallbacks, type UnmappedAccess } from './engine.ts';
import { SYSTEM_REGISTERS, type SystemRegisterName } from './system-registers.ts';
import { createUnicornEngine } from './unicorn.ts';

/** One line of the self-test. `detail` says what was found, also when the check passes. */
export interface SelfTestCheck {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

const RAM = 0x4000_0000;
const RAM_BYTES = 0x1_0000;
const TABLE = RAM + 0x1000;
const DATA_OFFSET = 0x2000;
const DEVICE = 0x4100_0000;
const NOTHING = 0x4200_0000;
/** Address in the disabled high half: a translation fault at level 0. */
const FAULTING = 0xffff_ff80_1234_5678n;
const TRANSLATION_FAULT_READ = 0x9600_0004;

const NOP = 0xd503_201f;
const LDR_X0_X1 = 0xf940_0020;
const STR_X0_X1 = 0xf900_0020;
const LDR_W0_X1 = 0xb940_0020;
const STR_W0_X1 = 0xb900_0020;
const SVC_5 = 0xd400_00a1;
/** b .+4. */
const BRANCH_NEXT = 0x1400_0001;
const AT_S1E1R_X0 = 0xd508_7800;

interface Bench {
  readonly engine: CpuEngine;
  readonly ram: DataView;
  /** Exceptions taken, in order; each ends the slice. */
  readonly exceptions: { number: number; esr: number; far: bigint; targetLevel: number; pc: bigint }[];
  readonly unmapped: UnmappedAccess[];
  /** Writes code to the start of RAM and sets PC there. */
  readonly load: (...code: number[]) => void;
}

type Check = readonly [name: string, run: (bench: Bench) => string];

/** Thrown by a check that did not find the expected value. */
class Unexpected extends Error {}

function expectEqual(what: string, found: unknown, expected: unknown): void {
  const show = (value: unknown): string =>
    typeof value === 'number' || typeof value === 'bigint' ? hex(value) : String(value);
  if (found !== expected) throw new Unexpected(`${what} is ${show(found)}, not ${show(expected)}`);
}

const CHECKS: readonly Check[] = [
  ['calibration', ({ engine }) => `${engine.version}: syndrome and instruction counter found`],
  ['exact slices', exactSlices],
  ['exceptions', exceptions],
  ['shared memory', sharedMemory],
  ['device callbacks', deviceCallbacks],
  ['external abort', externalAbort],
  ['address translation', addressTranslation],
];

/**
 * Runs the checks on the library in the file `libraryPath`. Never throws: failures are in the list,
 * and a library that cannot be opened or calibrated gives one failed line.
 */
export function runEngineSelfTest(libraryPath: string): SelfTestCheck[] {
  const results: SelfTestCheck[] = [];
  for (const [name, run] of CHECKS) {
    let bench: Bench | null = null;
    try {
      bench = openBench(libraryPath);
      results.push({ name, ok: true, detail: run(bench) });
    } catch (error) {
      results.push({ name, ok: false, detail: error instanceof Error ? error.message : String(error) });
    } finally {
      bench?.engine.close();
    }
    if (bench === null) break; // the other checks would fail likewise
  }
  return results;
}

function openBench(library: string): Bench {
  const exceptionsTaken: Bench['exceptions'] = [];
  const unmapped: UnmappedAccess[] = [];
  let engine: CpuEngine | null = null;
  const callbacks: EngineCallbacks = {
    exception: (number) => {
      if (engine === null) return;
      exceptionsTaken.push({ number, ...engine.syndrome(), pc: engine.getPc() });
      engine.stop();
    },
    unmapped: (access) => {
      unmapped.push(access);
      return false;
    },
  };
  engine = createUnicornEngine({ library, callbacks });
  const opened = engine;
  const bytes = new Uint8Array(RAM_BYTES);
  const ram = new DataView(bytes.buffer);
  opened.mapMemory(RAM, bytes, 'rwx');
  const set = (name: SystemRegisterName, value: bigint): void => {
    opened.setSystemRegister(SYSTEM_REGISTERS[name], value);
  };
  set('SCR_EL3', 0x531n);
  set('HCR_EL2', 1n << 31n);
  opened.setPstate(0x3c5);
  // One 1 GiB block, identity: valid, access flag, inner shareable. T0SZ 25, T1SZ 25, EPD1.
  ram.setBigUint64(TABLE - RAM + 8, BigInt(RAM) | (1n << 10n) | (3n << 8n) | 1n, true);
  set('MAIR_EL1', 0xffn);
  set('TTBR0_EL1', BigInt(TABLE));
  set('TCR_EL1', 25n | (25n << 16n) | (1n << 23n) | (2n << 30n));
  set('SCTLR_EL1', 0x30d0_1805n);
  return {
    engine: opened,
    ram,
    exceptions: exceptionsTaken,
    unmapped,
    load: (...code) => {
      code.forEach((word, index) => ram.setUint32(4 * index, word, true));
      opened.discardCode(RAM, RAM + 4 * code.length);
      opened.setPc(BigInt(RAM));
    },
  };
}

function exactSlices({ engine, load }: Bench): string {
  load(...Array.from({ length: 64 }, () => NOP));
  for (const count of [1, 2, 7, 50]) {
    engine.setPc(BigInt(RAM));
    expectEqual(`the end of a slice of ${count}`, engine.run(count).kind, 'count');
    expectEqual(`instructions executed in a slice of ${count}`, engine.executed, count);
    expectEqual(`PC after ${count} instructions`, engine.getPc(), BigInt(RAM + 4 * count));
  }
  return 'slices of 1, 2, 7 and 50 instructions end where they must';
}

function exceptions({ engine, exceptions: taken, load }: Bench): string {
  load(NOP, SVC_5);
  engine.run(10);
  load(LDR_X0_X1);
  engine.setX(1, FAULTING);
  engine.run(10);
  const [call, abort] = taken;
  expectEqual('the number of a supervisor call', call?.number, ENGINE_EXCEPTION.supervisorCall);
  expectEqual('ESR of SVC #5', call?.esr, 0x5600_0005);
  expectEqual('PC after SVC', call?.pc, BigInt(RAM + 8));
  expectEqual('the number of a data abort', abort?.number, ENGINE_EXCEPTION.dataAbort);
  expectEqual('ESR of a translation fault', abort?.esr, TRANSLATION_FAULT_READ);
  expectEqual('FAR of a translation fault', abort?.far, FAULTING);
  expectEqual('PC at a data abort', abort?.pc, BigInt(RAM));
  expectEqual('the level of a data abort', abort?.targetLevel, 1);
  return `SVC #5 and a translation fault: ESR ${hex(TRANSLATION_FAULT_READ)}, FAR ${hex(FAULTING)}`;
}

function sharedMemory({ engine, ram, load }: Bench): string {
  const fromHere = 0x0123_4567_89ab_cdefn;
  const fromGuest = 0xfedc_ba98_7654_3210n;
  ram.setBigUint64(DATA_OFFSET, fromHere, true);
  load(LDR_X0_X1);
  engine.setX(1, BigInt(RAM + DATA_OFFSET));
  engine.run(1);
  expectEqual('what the guest read', engine.getX(0), fromHere);
  load(STR_X0_X1);
  engine.setX(0, fromGuest);
  engine.run(1);
  expectEqual('what the guest wrote', ram.getBigUint64(DATA_OFFSET, true), fromGuest);
  return 'seen from both sides';
}

function deviceCallbacks({ engine, load }: Bench): string {
  const accesses: string[] = [];
  engine.mapDevices(DEVICE, 0x1000, {
    read: (address, size) => {
      accesses.push(`r${size}@${address.toString(16)}`);
      engine.stop();
      return 0x55n;
    },
    write: (address, size, value) => {
      accesses.push(`w${size}@${address.toString(16)}=${value.toString(16)}`);
    },
  });
  load(LDR_W0_X1, BRANCH_NEXT, STR_W0_X1, NOP);
  engine.setX(1, BigInt(DEVICE + 0x18));
  expectEqual('the end of a slice that a device stopped', engine.run(4).kind, 'stopped');
  expectEqual('what the guest read from the device', engine.getX(0), 0x55n);
  expectEqual('PC after a stop in a device', engine.getPc(), BigInt(RAM + 4 * engine.executed));
  expectEqual('accesses of the device by then', accesses.length, 1);
  engine.run(3);
  expectEqual('accesses of the device', accesses.join(' '), 'r4@41000018 w4@41000018=55');
  return 'once an access, also when one ends the slice';
}

function externalAbort({ engine, unmapped, load }: Bench): string {
  load(NOP, LDR_X0_X1);
  engine.setX(0, 7n);
  engine.setX(1, BigInt(NOTHING + 0x40));
  expectEqual('the end of a slice at an access that nothing answers', engine.run(10).kind, 'unmapped');
  expectEqual('its type', unmapped[0]?.type, 'read');
  expectEqual('its address', unmapped[0]?.address, NOTHING + 0x40);
  expectEqual('PC', engine.getPc(), BigInt(RAM + 4));
  expectEqual('the register to be loaded', engine.getX(0), 7n);
  return 'reported with the registers as before the instruction';
}

function addressTranslation({ engine, load }: Bench): string {
  const par = (address: bigint): bigint | null => {
    load(AT_S1E1R_X0);
    engine.setX(0, address);
    engine.run(1);
    return engine.getSystemRegister(SYSTEM_REGISTERS.PAR_EL1);
  };
  const mapped = BigInt(RAM + 0x3000);
  // Write-back memory (MAIR 0xff), inner shareable, and the RES1 bit; then a fault, status
  // 0b000100.
  expectEqual('PAR_EL1 of a mapped address', par(mapped + 0x123n), (0xffn << 56n) | mapped | 0xb80n);
  expectEqual('PAR_EL1 of an address that is not mapped', (par(FAULTING) ?? 0n) & 0x7fn, 0b0000_1001n);
  return 'AT and PAR_EL1 answer for mapped and unmapped addresses';
}
