// SPDX-License-Identifier: GPL-2.0-only
/** Thrown when a machine is used after `close()`, or its engine is. */
export class MachineClosedError extends Error {
  /** @param what the refused call: "run()" */
  constructor(what: string) {
    super(`${what}: the machine was closed; ask before close(), or build another machine`);
    this.name = 'MachineClosedError';
  }
}
