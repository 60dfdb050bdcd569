// SPDX-License-Identifier: GPL-2.0-only
/** The README shows a real boot: the one that its own commands give. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { bootBoard } from '#workbench/index.ts';
import { packageRoot } from '#workbench/package-root.ts';

it('shows the boot log of pixel6, line for line', () => {
  const readme = readFileSync(join(packageRoot(), 'README.md'), 'utf8');
  const shown = /steady state:\n\n```\n([\s\S]*?)\n```/.exec(readme)?.[1];
  const { machine } = bootBoard('pixel6');
  expect(shown).toBe(machine.serial.text.trimEnd());
  machine.close();
});
