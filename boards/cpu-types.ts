// SPDX-License-Identifier: GPL-2.0-only
/**
 * Core types of the boards.
 *
 * Source: Technical Reference Manuals (MIDR_EL1); boot log of a Pixel 6 for the revisions of A55,
 * A76 and X1.
 */

import type { CpuType } from './types.ts';

export const CPU_TYPES = {
  'cortex-a53': { name: 'cortex-a53', midr: 0x410f_d034, isArmv82: false },
  'cortex-a55': { name: 'cortex-a55', midr: 0x412f_d050, isArmv82: true },
  'cortex-a72': { name: 'cortex-a72', midr: 0x410f_d083, isArmv82: false },
  'cortex-a76': { name: 'cortex-a76', midr: 0x414f_d0b0, isArmv82: true },
  'cortex-x1': { name: 'cortex-x1', midr: 0x411f_d440, isArmv82: true },
} as const satisfies Record<string, CpuType>;
