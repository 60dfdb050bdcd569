// SPDX-License-Identifier: GPL-2.0-only
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { HANG_GUARD_MS } from './tests/support/hang-guard.ts';

const common = {
  setupFiles: ['./tests/support/fixed-seed.ts'],
  testTimeout: HANG_GUARD_MS,
  hookTimeout: HANG_GUARD_MS,
};

/** Guests take minutes: begun last, one of them would run alone at the end. */
class GuestsFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isGuest = ({ moduleId }: TestSpecification): boolean => moduleId.includes('/tests/guests/');
    return [...sorted.filter(isGuest), ...sorted.filter((file) => !isGuest(file))];
  }
}

export default defineConfig({
  test: {
    // Its default leaves one of the cores to others: half the machine, where there are two.
    maxWorkers: '100%',
    sequence: { sequencer: GuestsFirst },
    coverage: {
      provider: 'v8',
      include: ['{boards,common,emulator,fdt,kernel-ts,workbench}/**/*.ts'],
      exclude: ['**/*.test.ts', '**/testing/**'],
      reporter: ['text-summary'],
    },
    projects: [
      // Beside the code: nothing outlives a test, and loading modules takes longer than most of them.
      {
        test: {
          ...common,
          name: 'units',
          isolate: false,
          include: ['{common,fdt,kernel-ts,boards,emulator,workbench,scripts}/**/*.test.ts'],
        },
      },
      { test: { ...common, name: 'machines', include: ['tests/**/*.test.ts'] } },
    ],
  },
});
