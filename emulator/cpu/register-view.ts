// SPDX-License-Identifier: GPL-2.0-only
/**
 * System registers for TypeScript code, such as a debugger or the modelled kernel: the debug
 * registers, then the machine's own (timer, interrupt controller, identification), then the
 * engine's. Each core implements a guest's MRS and MSR itself.
 */

import type { CoreEngine } from '#emulator/engine/engine.ts';
import type { SystemRegisterEncoding } from '#emulator/engine/system-registers.ts';
import { isDebugRegister } from './debug-registers.ts';
import type { CoreContext, MachineCore } from './machine-core.ts';
import { isMonitorSetting } from './performance-monitors.ts';

export interface RegisterViewContext {
  readonly core: MachineCore;
  readonly engine: Pick<CoreEngine, 'getSystemRegister' | 'setSystemRegister'>;
  readonly environment: CoreContext;
  readonly debug: {
    read(encoding: SystemRegisterEncoding): bigint | undefined;
    write(encoding: SystemRegisterEncoding, value: bigint): boolean;
  };
}

export class RegisterView {
  private readonly context: RegisterViewContext;

  constructor(context: RegisterViewContext) {
    this.context = context;
  }

  /** Reads a register; undefined when none of them has it. */
  read(encoding: SystemRegisterEncoding): bigint | undefined {
    const { core, engine, environment, debug } = this.context;
    if (isDebugRegister(encoding)) return debug.read(encoding);
    return environment.readSystemRegister(core, encoding) ?? engine.getSystemRegister(encoding) ?? undefined;
  }

  /** Writes a register; returns false when none of them has it, or it is read-only. */
  write(encoding: SystemRegisterEncoding, value: bigint): boolean {
    const { core, engine, environment, debug } = this.context;
    if (isDebugRegister(encoding)) return debug.write(encoding, value);
    if (environment.intercepts(encoding)) {
      if (environment.writeSystemRegister(core, encoding, value)) return true;
      return isMonitorSetting(encoding) && engine.setSystemRegister(encoding, value);
    }
    return engine.setSystemRegister(encoding, value) || environment.writeSystemRegister(core, encoding, value);
  }
}
