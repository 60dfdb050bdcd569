// SPDX-License-Identifier: GPL-2.0-only
/**
 * "Who may import whom" holds in this tree, and the check detects violations.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';
import {
  checkArchitecture,
  checkAssembly,
  checkHostSides,
  checkImportGraph,
  checkLicences,
  readOtherSources,
  readSources,
  resolveImport,
} from '#scripts/architecture/check-architecture.ts';
import { HOST } from '#scripts/architecture/rules.ts';
import { scanSource } from '#scripts/architecture/scan-source.ts';
import { packageRoot } from '#workbench/package-root.ts';

const root = packageRoot();
const sources = readSources(root);

/** Folders whose files must have been read. */
const FOLDERS = [
  'common/',
  'fdt/',
  'kernel-ts/hal/',
  'kernel-ts/kernel/',
  'emulator/',
  'boards/',
  'workbench/host/browser/',
  'workbench/',
  'scripts/',
  'tests/',
];

/** Violations, as text, of one file in a tree of otherwise empty ones. */
function violationsOf(file: string, text: string): string[] {
  const others = [
    'common/address.ts',
    'emulator/cpu/core.ts',
    'emulator/bus/device.ts',
    'kernel-ts/hal/ports.ts',
    'kernel-ts/kernel/panic.ts',
    'boards/pixel6.ts',
    'workbench/commands/boot.ts',
    'tests/machine.ts',
    'kernel-ts/hal/testing/fake.ts',
  ];
  const tree = new Map([...others.map((path) => [path, ''] as const), [file, text] as const]);
  return checkArchitecture(tree).violations.map(({ line, message }) => `${line}: ${message}`);
}

describe('this tree', () => {
  it('has for a browser what it has for Node', () => {
    expect(checkHostSides(sources)).toEqual([]);
    const files = ['workbench/host/node/one.ts', 'workbench/host/browser/two.ts', 'workbench/host/type.ts'];
    expect(checkHostSides(new Map(files.map((file) => [file, '']))).map(({ file }) => file)).toEqual(files.slice(0, 2));
  });

  it('says the licence in the first line of each file', () => {
    expect(checkLicences(sources)).toEqual([]);
    const others = readOtherSources(root);
    expect(checkLicences(others)).toEqual([]);
    for (const ending of ['S', 'inc', 'ld', 'c', 'h', 'py', 'pl', 'sh', 'css', 'html']) {
      expect(
        [...others.keys()].some((file) => file.endsWith(`.${ending}`)),
        ending,
      ).toBe(true);
    }
    expect(checkLicences(new Map([['common/x.ts', '/** No licence. */\n']]))).toHaveLength(1);
    expect(checkLicences(new Map([['scripts/x.c', '/* No licence. */\n']]))).toHaveLength(1);
  });

  it('has no comment in assembly that is too wide', () => {
    expect(checkAssembly(readOtherSources(root))).toEqual([]);
    const wide = `\tret\t/* ${'x'.repeat(90)} */\n`;
    expect(
      checkAssembly(
        new Map([
          ['firmware/x.S', wide],
          ['firmware/x.ld', wide],
        ]),
      ).map(({ file }) => file),
    ).toEqual(['firmware/x.S']);
  });

  it('holds every rule', () => {
    expect(checkArchitecture(sources).violations).toEqual([]);
    expect(checkImportGraph(sources)).toEqual([]);
  });

  it('was read: files in every folder that has code, and their imports', () => {
    const { filesRead, importsSeen } = checkArchitecture(sources);
    for (const folder of FOLDERS) {
      expect(filesRead.get(folder), folder).toBeGreaterThan(0);
    }
    expect(importsSeen).toBeGreaterThan(sources.size);
  });

  it('has no import that the bundler sees and the check does not', async () => {
    const ENTRY = 'every-source.ts';
    const bundle = (platform: 'node' | 'browser', isEntry: (path: string) => boolean) =>
      build({
        absWorkingDir: root,
        // One entry that imports all: a bundle for each would hold most sources again.
        stdin: {
          contents: [...sources.keys()]
            .filter(isEntry)
            .map((path) => `import './${path}';`)
            .join('\n'),
          resolveDir: root,
          sourcefile: ENTRY,
        },
        bundle: true,
        write: false,
        metafile: true,
        outdir: 'dist',
        platform,
        format: 'esm',
        packages: 'external',
        logLevel: 'silent',
      });
    const inBrowser = (path: string): boolean => path.startsWith('workbench/site/worker/');
    const results = await Promise.all([
      bundle('node', (path) => !inBrowser(path) && !path.startsWith('scripts/launch')),
      bundle('browser', inBrowser),
    ]);
    let compared = 0;
    for (const [file, { imports }] of results.flatMap(({ metafile }) => Object.entries(metafile.inputs))) {
      if (file === ENTRY) continue;
      const text = sources.get(file);
      expect(text, file).toBeDefined();
      const scanned = scanSource(text ?? '').imports.map(
        ({ specifier }) => resolveImport(file, specifier) ?? specifier,
      );
      for (const { path } of imports) {
        // A bundle for a browser has the browser's side of the host instead of Node's.
        expect(scanned.includes(path) ? path : path.replace(HOST.browser, HOST.node), file).toBeOneOf(scanned);
        compared++;
      }
    }
    expect(compared).toBeGreaterThan(sources.size / 2);
  });
});

describe('the check', () => {
  it.each([
    ['kernel-ts/hal/a.ts', "import { p } from '#kernel-ts/kernel/panic.ts';"],
    ['kernel-ts/hal/a.ts', "import type { P } from '#kernel-ts/kernel/panic.ts';"],
    ['kernel-ts/hal/a.ts', "import type { F } from '../hal/ports.ts';"],
    ['kernel-ts/kernel/a.ts', "import { c } from '#emulator/cpu/core.ts';"],
    ['kernel-ts/kernel/a.ts', "let c: import('#emulator/cpu/core.ts').Core;"],
    ['kernel-ts/kernel/a.ts', "import { readFileSync } from 'node:fs';"],
    ['kernel-ts/kernel/a.ts', "import { f } from '#kernel-ts/hal/testing/fake.ts';"],
    ['kernel-ts/kernel/a.test.ts', "import { c } from '#emulator/cpu/core.ts';"],
    ['kernel-ts/kernel/a.ts', 'const t = Date.now();'],
    ['kernel-ts/kernel/a.ts', 'const t = new Date();'],
    ['kernel-ts/kernel/a.ts', 'const r = Math.random();'],
    ['kernel-ts/kernel/a.ts', "globalThis['console'].log();"],
    ['emulator/a.ts', "import { p } from '#kernel-ts/hal/ports.ts';"],
    ['emulator/a.ts', "import { b } from '#boards/pixel6.ts';"],
    ['emulator/a.ts', "import koffi from 'koffi';"],
    ['emulator/a.ts', "import { readFileSync } from 'node:fs';"],
    ['emulator/a.ts', 'const t = performance.now();'],
    ['emulator/a.ts', "await import('#scripts/' + name);"],
    ['boards/a.ts', "import { c } from '#emulator/cpu/core.ts';"],
    ['boards/a.ts', "import { b } from '#workbench/commands/boot.ts';"],
    ['scripts/a.ts', "import { m } from '#tests/machine.ts';"],
    ['workbench/a.ts', 'class A { #hidden = 1; }'],
    ['elsewhere/a.ts', ''],
  ])('refuses in %s: %s', (file, text) => {
    expect(violationsOf(file, `\n${text}`)).toHaveLength(1);
  });

  it.each([
    ['kernel-ts/hal/a.ts', "import { physAddr } from '#common/address.ts';"],
    ['kernel-ts/kernel/a.ts', "import type { Ports } from '#kernel-ts/hal/ports.ts';"],
    ['kernel-ts/kernel/a.test.ts', "import { it } from 'vitest';\nimport fc from 'fast-check';"],
    ['kernel-ts/kernel/a.ts', '// Date.now() would be wrong here\nconst field = device.Date;'],
    ['emulator/engine/unicorn-library.ts', "import koffi from 'koffi';"],
    ['boards/a.ts', "import type { Device } from '#emulator/bus/device.ts';"],
    ['scripts/a.ts', "import { b } from '#boards/pixel6.ts';\nconst t = Date.now();"],
    ['tests/a.test.ts', "import { b } from '#workbench/commands/boot.ts';"],
  ])('accepts in %s: %s', (file, text) => {
    expect(violationsOf(file, text)).toEqual([]);
  });

  it('names the line of a violation', () => {
    expect(violationsOf('emulator/a.ts', "\n\nimport koffi from 'koffi';")).toEqual([
      '3: emulator/** may not import the module koffi',
    ]);
  });
});

describe('the check of all imports together', () => {
  const found = (files: Readonly<Record<string, string>>): string[] =>
    checkImportGraph(new Map(Object.entries(files))).map(({ file, message }) => `${file}: ${message}`);
  const command = { 'scripts/command.ts': "import './a.ts';" };

  it('finds nothing where every file is led to, and no import leads back', () => {
    expect(
      found({ ...command, 'scripts/a.ts': "import './b.ts';", 'scripts/b.ts': '', 'tests/a.test.ts': '' }),
    ).toEqual([]);
  });

  it.each([
    ['code', "import { b } from './b.ts';", "import { a } from './a.ts';"],
    ['types', "import type { B } from './b.ts';", "type A = import('./a.ts').A;"],
    ['code one way and types the other', "import { b } from './b.ts';", "export type { A } from './a.ts';"],
  ])('finds a circle of %s', (_what, a, b) => {
    expect(found({ ...command, 'scripts/a.ts': a, 'scripts/b.ts': b })).toEqual([
      expect.stringMatching(/^scripts\/a\.ts: imports itself by way of scripts\/b\.ts: /),
    ]);
  });

  it('finds a circle of three, and one that no command leads to', () => {
    const three = { 'fdt/a.ts': "import './b.ts';", 'fdt/b.ts': "import './c.ts';", 'fdt/c.ts': "import './a.ts';" };
    expect(found(three).filter((line) => line.includes('by way of fdt/b.ts, fdt/c.ts'))).toHaveLength(1);
  });

  it('finds a circle of folders in which no file leads to itself', () => {
    const files = {
      'workbench/index.ts': "import './log/a.ts'; import './report/b.ts';",
      'workbench/log/a.ts': "import '#workbench/report/c.ts';",
      'workbench/report/b.ts': "import type { D } from '#workbench/log/d.ts';",
      'workbench/report/c.ts': '',
      'workbench/log/d.ts': '',
    };
    expect(found(files)).toEqual(['workbench/log/: imports itself by way of workbench/report/: no circles of folders']);
    expect(found({ ...files, 'workbench/report/b.ts': '' })).toEqual([
      expect.stringMatching(/^workbench\/log\/d\.ts: only tests lead here/),
    ]);
  });

  it('finds a file to which only tests lead, also by way of others', () => {
    const files = {
      ...command,
      'scripts/a.ts': '',
      'boards/fake.ts': "import './faker.ts';",
      'boards/faker.ts': '',
      'boards/testing/model.ts': '',
      'boards/fake.test.ts': "import './fake.ts'; import './testing/model.ts';",
    };
    expect(found(files).map((line) => line.split(':')[0])).toEqual(['boards/fake.ts', 'boards/faker.ts']);
  });
});

describe('tsconfig.kernel.json', () => {
  it.each([
    ['process.exit(1);', true],
    ["console.log('x');", true],
    ['document.title;', true],
    ['setTimeout(() => {}, 1);', true],
    ['const size: number = 4096; export { size };', false],
  ])('%j is refused: %s', (text, refused) => {
    const folder = mkdtempSync(join(tmpdir(), 'levitate-kernel-'));
    try {
      writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
      writeFileSync(join(folder, 'probe.ts'), `${text}\nexport {};\n`);
      const config = { extends: join(root, 'tsconfig.kernel.json'), include: ['probe.ts'], exclude: [] };
      writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
      const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
      const { status, stdout } = spawnSync(process.execPath, [compiler, '-p', folder], { encoding: 'utf8' });
      expect(status === 0, stdout).toBe(!refused);
      expect(/Cannot find name/.test(stdout)).toBe(refused);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
