// SPDX-License-Identifier: GPL-2.0-only
/**
 * Context that the parts of the kernel get when they start. It exists, complete, from the end of
 * stage 2 on.
 */

import type { Fdt } from '#fdt/index.ts';
import type { Ports } from '#kernel-ts/hal/ports.ts';
import type { Log } from './log.ts';
import type { MemorySystem } from './mm/memory.ts';
import type { TrapFrame } from './trap-frame.ts';

export interface KernelContext {
  readonly ports: Ports;
  readonly log: Log;
  readonly fdt: Fdt;
  readonly memory: MemorySystem;
  /** Trap frame to return to while no process can run. */
  readonly idleFrame: TrapFrame;
}
