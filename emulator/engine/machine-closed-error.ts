// SPDX-License-Identifier: GPL-2.0-only
/** A machine is used after `close()`, or its engine is. */
export class MachineClosedError extends Error {
  /** @param what was asked of it: "run()" */
  constructor(what: string) {
    super(`${what}: the machine was closed; ask before close(), or build another machine`);
    this.name = 'MachineClosedError';
  }
}
