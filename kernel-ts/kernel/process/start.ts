// SPDX-License-Identifier: GPL-2.0-only
/**
 * Starts user space, the last step of the boot: caches for its records, the initramfs, and /init,
 * if the initramfs has it. A failure here never stops the kernel: when something is missing or
 * broken, there are no processes, and a line in the log says why.
 */

import { physAddr } from '#common/address.ts';
import type { MemoryPort } from '#kernel-ts/hal/ports.ts';
import type { KernelContext } from '#kernel-ts/kernel/context.ts';
import type { ConsoleInput } from '#kernel-ts/kernel/interrupts/console-input.ts';
import { physToVirt } from '#kernel-ts/kernel/direct-map.ts';
import type { FrameAccount } from '#kernel-ts/kernel/mm/frame-accounts.ts';
import type { MemorySystem } from '#kernel-ts/kernel/mm/memory.ts';
import { PageOwner } from '#kernel-ts/kernel/mm/page-owner.ts';
import type { PowerSwitch } from '#kernel-ts/kernel/power.ts';
import { NO_PROCESSES, type UserSpace } from '#kernel-ts/kernel/user-space.ts';
import { AREA_RECORD_BYTES } from './area.ts';
import { Initramfs } from './initramfs.ts';
import { PROCESS_RECORD_BYTES } from './process.ts';
import { PROCESS_CONTROL_BYTES } from './process-table.ts';
import { Processes } from './processes.ts';

/** Path of the first program. */
const INIT = '/init';

/** Makes /init ready to run, if memory and an initramfs permit. */
export function startUserSpace(
  { log, ports, memory, idleFrame }: KernelContext,
  power: PowerSwitch,
  input: ConsoleInput | null,
): UserSpace {
  const { frames, heap, mmu, slab } = memory;
  const processRecords = slab.createCache('process', PROCESS_RECORD_BYTES);
  const areaRecords = slab.createCache('area', AREA_RECORD_BYTES);
  const control = heap.alloc(PROCESS_CONTROL_BYTES);
  if (processRecords === null || areaRecords === null || control === null) {
    log.line('SPAWN', 'no processes: the heap has no room for their tables');
    return NO_PROCESSES;
  }
  ports.memory.fill(control, PROCESS_CONTROL_BYTES, 0);
  const files = findInitramfs(ports.memory, memory);
  const allUsers = frames.account(PageOwner.USER);
  const userFrames =
    frames.trace !== null
      ? (pid: number): FrameAccount => frames.account(PageOwner.USER, `user ${pid}`)
      : (): FrameAccount => allUsers;
  const processes = new Processes({
    ports,
    log,
    mmu,
    control,
    processRecords,
    areaRecords,
    userFrames,
    files,
    idleFrame,
    stackFrames: frames.account(PageOwner.STACK),
    accounts: frames,
    readInput: () => input?.read() ?? null,
    power,
  });
  if (files === null) return processes;
  const init = processes.spawn(INIT);
  log.line('SPAWN', init.ok ? `${INIT} is pid ${init.pid}` : `no ${INIT}: ${init.why}`);
  if (files.ignored !== null) log.line('SPAWN', `${files.ignored.message}: the rest is ignored`);
  return processes;
}

/** Archive that /chosen names, in the direct map; null without one. */
function findInitramfs(memory: MemoryPort, { initrd }: MemorySystem): Initramfs | null {
  if (initrd === null) return null;
  const start = physAddr(Number(initrd.start));
  return new Initramfs(memory, physToVirt(start), Number(initrd.end - initrd.start));
}
