// SPDX-License-Identifier: GPL-2.0-only
/**
 * Memory, MMU and processes of a kernel without a CPU: tests take the place of the CPU, write trap
 * frames and ask for the next one.
 *
 * ```
 *  1 GiB  PT_POOL, all taken | +128 KiB its state, idle frame | +256 KiB initramfs | +1 MiB free RAM
 * ```
 */

import { physAddr, virtAddr } from '#common/address.ts';
import { Mmu } from '#kernel-ts/hal/mmu/mmu.ts';
import { TCR_EPD0, TCR_VALUE } from '#kernel-ts/hal/mmu/translation-control.ts';
import type { SystemRegister, TracePort } from '#kernel-ts/hal/ports.ts';
import { Log } from '#kernel-ts/kernel/log.ts';
import { DIRECT_MAP_BASE, physToVirt } from '#kernel-ts/kernel/direct-map.ts';
import { FrameAccounts } from '#kernel-ts/kernel/mm/frame-accounts.ts';
import { Heap } from '#kernel-ts/kernel/mm/heap.ts';
import { PageOwner } from '#kernel-ts/kernel/mm/page-owner.ts';
import { SlabAllocator } from '#kernel-ts/kernel/mm/slab/slab-allocator.ts';
import { fakeMachine, GIB, MIB } from '#kernel-ts/kernel/mm/testing/fake-machine.ts';
import { TrapFrame } from '#kernel-ts/kernel/trap-frame.ts';
import { AREA_RECORD_BYTES } from '#kernel-ts/kernel/process/area.ts';
import { Initramfs } from '#kernel-ts/kernel/process/initramfs.ts';
import { PROCESS_RECORD_BYTES } from '#kernel-ts/kernel/process/process.ts';
import { PROCESS_CONTROL_BYTES } from '#kernel-ts/kernel/process/process-table.ts';
import { Processes } from '#kernel-ts/kernel/process/processes.ts';
import { type CpioSource, cpioArchive } from './cpio-bytes.ts';
import { elfBytes } from './elf-bytes.ts';

const STATE = GIB + 128 * 1024;
const IDLE = STATE + 4096;
const ARCHIVE = GIB + 256 * 1024;
const RESERVED_BYTES = MIB;
const POOL_TABLES = 16;
const LINE_FEED = 10;

/** Event that the kernel traced. */
export interface FakeEvent {
  readonly kind: string;
  readonly fields: object;
}

/** Entry point of the programs of {@link program}. */
export const ENTRY = 0x1_0000n;
/** Address of their data. */
export const DATA = 0x2_0000n;

/**
 * Program with a page of text, a page of read-only data at 0x18000, and two pages of data, of which
 * the file has some bytes.
 */
export function program(): Uint8Array {
  return elfBytes(ENTRY, [
    { address: ENTRY, bytes: Uint8Array.of(0x1f, 0x20, 0x03, 0xd5) },
    { address: 0x1_8000n, bytes: Uint8Array.of(1, 2, 3), flags: 4 },
    { address: DATA + 8n, bytes: Uint8Array.of(9, 8, 7), memoryBytes: 0x1800n, flags: 6 },
  ]);
}

/**
 * @param ramBytes size of the one bank: 17 MiB go to heap and reservations
 * @param files files of the initramfs, null: none
 */
export function fakeKernel(
  ramBytes = 24 * MIB,
  files: readonly CpioSource[] | null = [{ path: 'init', content: program() }],
) {
  const machine = fakeMachine([{ base: GIB, size: ramBytes }], [{ base: GIB, size: RESERVED_BYTES }]);
  const { memory, bss, buddy } = machine;
  const frames = new FrameAccounts(memory, bss, buddy);
  const heap = new Heap(memory, bss, frames.account(PageOwner.HEAP), ramBytes);
  const slab = new SlabAllocator(memory, bss, heap, frames);
  frames.setReserve(16);

  const registers = new Map<SystemRegister, bigint>([
    ['TCR_EL1', TCR_VALUE | TCR_EPD0],
    ['ID_AA64MMFR0_EL1', 5n],
  ]);
  const registerPort = {
    read: (register: SystemRegister) => registers.get(register) ?? 0n,
    write: (register: SystemRegister, value: bigint) => void registers.set(register, value),
  };
  const nothing = (): void => {};
  const tlb = { invalidateAll: nothing, invalidatePage: nothing, dsb: nothing, isb: nothing };
  memory.fill(physToVirt(physAddr(GIB)), RESERVED_BYTES, 0);
  const mmu = new Mmu({
    ports: { memory, tlb, registers: registerPort },
    physicalOffset: DIRECT_MAP_BASE,
    poolBase: physAddr(GIB),
    poolState: physAddr(STATE),
  });
  for (let table = 0; table < POOL_TABLES; table++) mmu.pool.markUsed(table);
  const tables = frames.account(PageOwner.PAGE_TABLES);
  mmu.setPageAllocator({
    allocPage: () => tables.allocFrames(0),
    freePage: (pa) => tables.freeFrames(pa, 0),
  });

  const archive = files === null ? null : cpioArchive(files);
  if (archive !== null) memory.writeBytes(physToVirt(physAddr(ARCHIVE)), archive);
  const events: FakeEvent[] = [];
  const trace: TracePort = {
    enabled: () => true,
    emit: (kind, fields) => void events.push({ kind, fields: typeof fields === 'function' ? fields() : fields }),
  };
  const printed: number[] = [];
  const typed: number[] = [];
  const console = {
    init: nothing,
    writeByte: (byte: number) => printed.push(byte) > 0,
    write: (text: string) => {
      for (const character of text) printed.push(character.charCodeAt(0));
      return 0;
    },
    get atLineStart() {
      return (printed.at(-1) ?? LINE_FEED) === LINE_FEED;
    },
    tryReadByte: () => null,
    enableInputInterrupt: nothing,
    disableInputInterrupt: nothing,
    acknowledgeInput: nothing,
  };
  const synced: bigint[] = [];
  const powered: string[] = [];
  const control = heap.alloc(PROCESS_CONTROL_BYTES)!;
  memory.fill(control, PROCESS_CONTROL_BYTES, 0);
  const idleFrame = new TrapFrame(memory, physToVirt(physAddr(IDLE)));
  const users = frames.account(PageOwner.USER);
  const processes = new Processes({
    ports: { memory, trace, caches: { syncInstructions: (va) => void synced.push(va) } },
    log: new Log(console, trace),
    mmu,
    control,
    idleFrame,
    processRecords: slab.createCache('process', PROCESS_RECORD_BYTES)!,
    areaRecords: slab.createCache('area', AREA_RECORD_BYTES)!,
    userFrames: () => users,
    stackFrames: frames.account(PageOwner.STACK),
    files: archive === null ? null : new Initramfs(memory, physToVirt(physAddr(ARCHIVE)), archive.length),
    accounts: frames,
    readInput: () => typed.shift() ?? null,
    power: (action) => powered.push(action) > 0,
  });
  return {
    ...machine,
    frames,
    heap,
    control,
    slab,
    mmu,
    processes,
    idleFrame,
    events,
    typed,
    synced,
    powered,
    /** Returns the printed text and clears it. */
    output: () => String.fromCharCode(...printed.splice(0)),
    /** TTBR0 while walks through it are enabled, else null. */
    liveRoot: () => ((registerPort.read('TCR_EL1') & TCR_EPD0) === 0n ? registerPort.read('TTBR0_EL1') : null),
    /** Makes a system call of the running process. */
    call: (frame: TrapFrame, number: number, ...arguments_: readonly bigint[]): TrapFrame => {
      frame.setX(8, BigInt(number));
      for (const [index, value] of arguments_.entries()) frame.setX(index, value);
      return processes.syscall(frame);
    },
    /** Raises a fault of the running process. */
    fault: (frame: TrapFrame, esr: number, far: bigint): TrapFrame => {
      memory.write64(virtAddr(frame.address + 0x120n), BigInt(esr));
      memory.write64(virtAddr(frame.address + 0x128n), far);
      return processes.fault(frame);
    },
    /** State that must be the same once all processes have ended. */
    census: () => ({
      buddy: buddy.buddyinfo(),
      held: frames.holdings(),
      heap: heap.stats(),
      slabFaults: slab.validate(),
    }),
  };
}

export type FakeKernel = ReturnType<typeof fakeKernel>;
