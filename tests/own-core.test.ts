// SPDX-License-Identifier: GPL-2.0-only
/** The modelled kernel on the own core: what it prints and when is what it is on Unicorn. */

import { describe, expect, it } from 'vitest';
import { createMachine } from '#workbench/index.ts';

describe('the modelled kernel', () => {
  it.each(['qemu-virt', 'pixel6'])(
    'boots on %s as on Unicorn, byte for byte and instruction for instruction',
    (board) => {
      const runs = (['unicorn', 'wasm'] as const).map((engine) => {
        const machine = createMachine({ board, engine });
        try {
          const { outcome } = machine.run({ timeoutNs: 1e9 });
          const { instructions } = machine.machine.clock;
          return { outcome, instructions, text: machine.serial.text, engine: machine.cpu.engine.version };
        } finally {
          machine.close();
        }
      });
      const [onUnicorn, onOwn] = runs;
      expect(onOwn?.outcome).toBe('steady');
      expect(onOwn?.engine).toBe('A64 to WebAssembly');
      expect({ ...onOwn, engine: '' }).toEqual({ ...onUnicorn, engine: '' });
    },
  );
});
