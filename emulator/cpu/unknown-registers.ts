// SPDX-License-Identifier: GPL-2.0-only
/**
 * Reports accesses to system registers that neither the machine nor the core has. Each is reported
 * once, because software that probes for a register often does so in a loop.
 */

import { hex } from '#common/address.ts';
import { type SystemRegisterEncoding, systemRegisterName } from '#emulator/engine/system-registers.ts';
import type { CoreContext, MachineCore } from './machine-core.ts';

export class UnknownRegisters {
  private readonly core: MachineCore;
  private readonly environment: Pick<CoreContext, 'emit'>;
  /** Accesses already reported, as "read S3_0_C15_C2_0". */
  private readonly reported = new Set<string>();

  constructor(core: MachineCore, environment: Pick<CoreContext, 'emit'>) {
    this.core = core;
    this.environment = environment;
  }

  /** Reports an access to an unknown register at `pc`. */
  report(encoding: SystemRegisterEncoding, read: boolean, pc: bigint): void {
    const register = systemRegisterName(encoding);
    const access = read ? 'read' : 'write';
    if (this.reported.has(`${access} ${register}`)) return;
    this.reported.add(`${access} ${register}`);
    this.environment.emit(this.core, 'sysreg-unknown', { register, access, pc: hex(pc) });
  }

  saveState(): string[] {
    return [...this.reported];
  }

  restoreState(reported: readonly string[]): void {
    this.reported.clear();
    for (const access of reported) this.reported.add(access);
  }
}
