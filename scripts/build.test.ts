// SPDX-License-Identifier: GPL-2.0-only
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { generatedHandlers } from '#emulator/a64/runtime.ts';
import { preparedHandlers } from '#workbench/engine-library/prepared-handlers.ts';
import { packageRoot } from '#workbench/package-root.ts';

it('the interpreter that a build keeps is what its sources generate', () => {
  const url = pathToFileURL(join(packageRoot(), 'scripts', 'build.mjs')).href;
  const script = `const build = await import(${JSON.stringify(url)});
    process.stdout.write(await build.makeHandlers(await build.loadEsbuild()));`;
  const file = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  expect(existsSync(join(packageRoot(), 'dist', file))).toBe(true);
  const [kept, generated] = [preparedHandlers(file), generatedHandlers()];
  expect(kept?.selections).toEqual(generated.selections);
  expect(kept?.plain).toEqual(generated.plain);
  expect(kept?.fp()).toEqual(generated.fp());
});

it.each([null, 'handlers-0000000000000000.bin'])('without the file %s, the interpreter is to be generated', (file) => {
  expect(preparedHandlers(file)).toBeNull();
});
