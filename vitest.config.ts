import { defineConfig } from 'vitest/config';
import { HANG_GUARD_MS } from './tests/support/hang-guard.ts';

export default defineConfig({
  test: {
    setupFiles: ['./tests/support/fixed-seed.ts'],
    include: ['{common,fdt,emulator,kernel-ts,boards,workbench,scripts,tests}/**/*.test.ts'],
    testTimeout: HANG_GUARD_MS,
    hookTimeout: HANG_GUARD_MS,
  },
});
