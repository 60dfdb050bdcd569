import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    setupFiles: ['./tests/support/fixed-seed.ts'],
    include: ['{emulator,kernel-ts,boards,firmware,scripts,tests}/**/*.test.ts'],
    testTimeout: 60_000,
  },
});
