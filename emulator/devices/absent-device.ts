// SPDX-License-Identifier: GPL-2.0-only
/**
 * Placeholder for an absent device: every access is an external abort. With it, the event names the
 * place ("its@8080000") instead of "unmapped". register-storage.ts is the stand-in that answers
 * instead.
 */

import { BusAbort, type Device } from '#emulator/bus/device.ts';

/** Device whose accesses all abort. */
export class AbsentDevice implements Device {
  readonly model = 'absent';

  /** @throws BusAbort always */
  read(): number {
    throw new BusAbort('this board has no device here');
  }

  /** @throws BusAbort always */
  write(): void {
    throw new BusAbort('this board has no device here');
  }

  reset(): void {}

  /** There is no state. */
  saveState(): null {
    return null;
  }

  restoreState(): void {}
}
