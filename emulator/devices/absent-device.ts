// SPDX-License-Identifier: GPL-2.0-only
/**
 * A place where a device could be and is not: every access is an external abort. It exists so that
 * the event names the place ("its@8080000") instead of "unmapped". Not a device that answers zero;
 * that is register-storage.ts.
 */

import { BusAbort, type Device } from '#emulator/bus/device.ts';

/** Answers nothing. */
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

  /** It has no state. */
  saveState(): null {
    return null;
  }

  restoreState(): void {}
}
