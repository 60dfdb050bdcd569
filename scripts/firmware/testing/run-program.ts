// SPDX-License-Identifier: GPL-2.0-only
/**
 * Runs a user program of the default initramfs on a bare core, for tests of the programs
 * themselves: system calls are answered here, by a model as small as the ABI. There are no
 * processes (a program that is spawned runs to its end at once), no address spaces and no rights;
 * tests of those are whole-machine tests with the kernel.
 *
 * ```
 *   0x8000           vectors: HLT, ERET, at the entry of synchronous exceptions of the same level
 *   0x10000          the program, then its heap          the MMU is off: addresses are physical, and EL1 stands for EL0
 *   0x200000         stack top
 * ```
 */

import { alignUp, PAGE_SIZE, physAddr, virtAddr } from '#common/address.ts';
import type { CoreEngine } from '#emulator/engine/engine.ts';
import { SYSTEM_REGISTERS } from '#emulator/engine/system-registers.ts';
import type { MachineCore } from '#emulator/cpu/machine-core.ts';
import { Machine } from '#emulator/machine/machine.ts';
import { physToVirt } from '#kernel-ts/kernel/direct-map.ts';
import { FakeMemory } from '#kernel-ts/kernel/mm/testing/fake-memory.ts';
import { readElfImage } from '#kernel-ts/kernel/process/elf-image.ts';
import { Initramfs, type InitramfsFile } from '#kernel-ts/kernel/process/initramfs.ts';
import { chooseCores } from '#host/cores.ts';
import { readFirmwareImage } from '#host/firmware-images.ts';
import { INITRAMFS } from '#scripts/firmware/build-initramfs.ts';

const VECTORS = 0x8000;
const SYNCHRONOUS = 0x200;
const GATE = 1;
const HLT = 0xd440_0000;
const HLT_SHIFT = 5;
const ERET = 0xd69f_03e0;
const PROGRAM_START = 0x1_0000;
const STACK_TOP = 0x20_0000;
const STACK_BYTES = 0x1_0000;
const HEAP_BYTES = 0x10_0000;
/** More than any program needs. */
const MOST_INSTRUCTIONS = 200_000_000;

/** EC of ESR_EL1: SVC from AArch64 (Arm ARM DDI 0487 K.a, D24.2.40). */
const EC_SVC = 0x15;
const EC_SHIFT = 26;
const FPEN = 3n << 20n;
const MIDR_CORTEX_A53 = 0x410f_d034;

const SYS_YIELD = 7n;

const ENOSYS = -1n;
const EBADF = -2n;
const EFAULT = -3n;
const EINVAL = -4n;
const ENOMEM = -5n;
const ENOENT = -6n;
const ECHILD = -7n;

/**
 * The result of a run. `fault`: the exception class that ended the program, instead of a status.
 */
export interface ProgramEnd {
  readonly output: string;
  readonly status: bigint | null;
  readonly fault: number | null;
  /** The argument of `shutdown`. */
  readonly shutdown: bigint | null;
}

const ARCHIVE_AT = physAddr(0x1000);
const archive = readFirmwareImage(INITRAMFS);
const archiveMemory = new FakeMemory([{ base: ARCHIVE_AT, size: archive.length }], 0, 16);
archiveMemory.writeBytes(physToVirt(ARCHIVE_AT), archive);
const initramfs = new Initramfs(archiveMemory, physToVirt(ARCHIVE_AT), archive.length);

/** State that the programs of one run share. */
interface World {
  output: string;
  readonly onYield: (engine: CoreEngine) => void;
  readonly input: number[];
  nextPid: number;
  shutdown: bigint | null;
}

/** The surroundings of a program. */
export interface ProgramSurroundings {
  /** Input typed on its console. */
  readonly input?: string;
  /** Called at each yield, before it returns. */
  readonly onYield?: (engine: CoreEngine) => void;
}

/** Runs the program `name`. @throws Error when it does not end, or is not there */
export function runProgram(name: string, { input = '', onYield = () => {} }: ProgramSurroundings = {}): ProgramEnd {
  const file = initramfs.open(name);
  if (file === null) throw new Error(`${name} is not in the initramfs`);
  const typed = [...new TextEncoder().encode(input)];
  const world: World = { output: '', onYield, input: typed, nextPid: 1, shutdown: null };
  const { status, fault } = run(file, world);
  return { output: world.output, shutdown: world.shutdown, status, fault };
}

function run(file: InitramfsFile, world: World): Pick<ProgramEnd, 'status' | 'fault'> {
  const pid = world.nextPid++;
  const machine = makeMachine();
  try {
    const image = readElfImage(file, {
      start: virtAddr(BigInt(PROGRAM_START)),
      end: virtAddr(BigInt(STACK_TOP - STACK_BYTES - HEAP_BYTES)),
      positionIndependentBase: virtAddr(BigInt(PROGRAM_START)),
    });
    let heapStart = PROGRAM_START;
    for (const { address, memoryBytes, fileOffset, fileBytes } of image.segments) {
      const bytes = archiveMemory.readBytes(virtAddr(file.address + BigInt(fileOffset)), fileBytes);
      machine.memory.writeBytes(Number(address), bytes);
      heapStart = alignUp(Number(address) + memoryBytes, PAGE_SIZE);
    }
    const process = new ModelProcess(machine, world, pid, heapStart);
    machine.setGates({ owns: (immediate) => immediate === GATE, enter: (_, core) => process.exception(core) });
    machine.reset(Number(image.entry), 1);
    const { engine } = machine.bootCore;
    engine.setSystemRegister(SYSTEM_REGISTERS.VBAR_EL1, BigInt(VECTORS));
    engine.setSystemRegister(SYSTEM_REGISTERS.CPACR_EL1, FPEN);
    engine.setSp(BigInt(STACK_TOP));
    const stop = machine.run({ maxInstructions: MOST_INSTRUCTIONS });
    if (process.end === null) throw new Error(`${file.path} stopped with ${JSON.stringify(stop)}: ${world.output}`);
    return process.end;
  } finally {
    machine.close();
  }
}

function makeMachine(): Machine {
  const machine = new Machine({
    banks: [{ base: 0, size: STACK_TOP }],
    fixedMemory: [],
    mpidrs: [0],
    midrs: [MIDR_CORTEX_A53],
    instructionsPerSecond: 1_000_000_000,
    counterFrequencyHz: 62_500_000,
    psciConduit: 'hvc',
    gicSystemRegisters: false,
    cores: chooseCores().cores,
  });
  machine.memory.write32(VECTORS + SYNCHRONOUS, HLT + GATE * 2 ** HLT_SHIFT);
  machine.memory.write32(VECTORS + SYNCHRONOUS + 4, ERET);
  return machine;
}

/** One program that runs. */
class ModelProcess {
  end: Pick<ProgramEnd, 'status' | 'fault'> | null = null;
  private readonly machine: Machine;
  private readonly world: World;
  private readonly pid: number;
  private readonly heapStart: number;
  private break: number;
  private readonly children = new Map<bigint, bigint>();

  constructor(machine: Machine, world: World, pid: number, heapStart: number) {
    this.machine = machine;
    this.world = world;
    this.pid = pid;
    this.heapStart = heapStart;
    this.break = heapStart;
  }

  exception({ engine }: MachineCore): void {
    const exceptionClass = Number(engine.getSystemRegister(SYSTEM_REGISTERS.ESR_EL1)) >>> EC_SHIFT;
    if (exceptionClass !== EC_SVC) {
      this.finish({ status: null, fault: exceptionClass });
      return;
    }
    const [x0, x1, x2] = [engine.getX(0), engine.getX(1), engine.getX(2)] as const;
    engine.setX(0, BigInt.asUintN(64, this.call(engine.getX(8), x0, x1, x2)));
    if (engine.getX(8) === SYS_YIELD) this.world.onYield(engine);
  }

  private call(number: bigint, x0: bigint, x1: bigint, x2: bigint): bigint {
    switch (number) {
      case 0n:
        return x0 === 0n ? this.read(x1, x2) : EBADF;
      case 1n:
        return x0 === 1n || x0 === 2n ? this.write(x1, x2) : EBADF;
      case 2n:
        this.finish({ status: BigInt.asIntN(64, x0), fault: null });
        return 0n;
      case 3n:
        return BigInt(this.pid);
      case 4n:
        return this.sbrk(Number(BigInt.asIntN(64, x0)));
      case 5n:
        return this.spawn(x0, x1);
      case 6n:
        return this.inside(x0, x1) ? ENOENT : EFAULT;
      case SYS_YIELD:
        return 0n;
      case 8n:
        this.world.shutdown = x0;
        this.finish({ status: null, fault: null });
        return 0n;
      case 9n: {
        const status = this.children.get(x0) ?? ECHILD;
        this.children.delete(x0);
        return status;
      }
      default:
        return ENOSYS;
    }
  }

  private finish(end: Pick<ProgramEnd, 'status' | 'fault'>): void {
    this.end = end;
    this.machine.stop();
  }

  /** Program, heap and stack. */
  private inside(address: bigint, bytes: bigint): boolean {
    const within = (start: number, end: number) => address >= start && address + bytes <= end;
    return within(PROGRAM_START, this.break) || within(STACK_TOP - STACK_BYTES, STACK_TOP);
  }

  /** 0 at the end of input. The code may not be read into; here it is the program's first page. */
  private read(address: bigint, bytes: bigint): bigint {
    if (!this.inside(address, bytes) || address < PROGRAM_START + PAGE_SIZE) return EFAULT;
    const taken = this.world.input.splice(0, Number(bytes));
    this.machine.memory.writeBytes(Number(address), Uint8Array.from(taken));
    return BigInt(taken.length);
  }

  private write(address: bigint, bytes: bigint): bigint {
    if (!this.inside(address, bytes)) return EFAULT;
    this.world.output += this.text(address, bytes);
    return bytes;
  }

  private sbrk(delta: number): bigint {
    const old = this.break;
    if (old + delta < this.heapStart) return EINVAL;
    if (old + delta > this.heapStart + HEAP_BYTES) return ENOMEM;
    this.break = old + delta;
    return BigInt(old);
  }

  private spawn(address: bigint, bytes: bigint): bigint {
    if (!this.inside(address, bytes)) return EFAULT;
    const file = initramfs.open(this.text(address, bytes));
    if (file === null) return ENOENT;
    const pid = BigInt(this.world.nextPid);
    this.children.set(pid, run(file, this.world).status ?? -1n);
    return pid;
  }

  private text(address: bigint, bytes: bigint): string {
    return new TextDecoder().decode(this.machine.memory.readBytes(Number(address), Number(bytes)));
  }
}
