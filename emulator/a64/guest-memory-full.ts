// SPDX-License-Identifier: GPL-2.0-only
/** Thrown when the guest has touched more memory than fits beside the cores. */
export class GuestMemoryFull extends Error {
  constructor(bytes: number) {
    super(
      `the guest has touched ${bytes} bytes of memory: this engine can hold just under 4 GiB; give the machine less (--memory), or use --engine unicorn`,
    );
    this.name = 'GuestMemoryFull';
  }
}
