// SPDX-License-Identifier: GPL-2.0-only
/**
 * `describe` and `it` for what needs Unicorn itself, or compares with it: without the library all
 * of it is skipped, and the file says why. Not a test.
 */

import { describe as describeAlways, it as always } from 'vitest';
import { noUnicorn } from './engines.ts';

if (noUnicorn !== null) process.stderr.write(`skipped without Unicorn: ${noUnicorn}\n`);

export const describe = (noUnicorn === null ? describeAlways : describeAlways.skip) as typeof describeAlways;
export const it = (noUnicorn === null ? always : always.skip) as typeof always;
