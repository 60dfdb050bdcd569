import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['{emulator,kernel-ts,boards,firmware,scripts,tests}/**/*.test.ts'],
    testTimeout: 60_000,
  },
});
