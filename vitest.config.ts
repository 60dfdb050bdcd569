// SPDX-License-Identifier: GPL-2.0-only
import { defineConfig } from 'vitest/config';
import { HANG_GUARD_MS } from './tests/support/hang-guard.ts';

const common = {
  setupFiles: ['./tests/support/fixed-seed.ts'],
  testTimeout: HANG_GUARD_MS,
  hookTimeout: HANG_GUARD_MS,
};

export default defineConfig({
  test: {
    coverage: {
      provider: 'v8',
      include: ['{boards,common,emulator,fdt,kernel-ts,workbench}/**/*.ts'],
      exclude: ['**/*.test.ts', '**/testing/**'],
      reporter: ['text-summary'],
    },
    projects: [
      // Nothing in them outlives a test, and loading their modules takes longer than most of them.
      { test: { ...common, name: 'pure', isolate: false, include: ['{common,fdt,kernel-ts,boards}/**/*.test.ts'] } },
      { test: { ...common, name: 'machines', include: ['{emulator,workbench,scripts,tests}/**/*.test.ts'] } },
    ],
  },
});
