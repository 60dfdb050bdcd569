// SPDX-License-Identifier: GPL-2.0-only
/**
 * "Who may import whom", as data, and the words that no deterministic file may use.
 *
 * ```
 *   scripts/ tests/ ──▶ everything;   nothing imports them
 *   workbench/ ──▶ boards/ kernel-ts/ emulator/ fdt/ common/
 *   boards/ ──▶ fdt/ common/ and the types of emulator/'s devices
 *   kernel-ts/kernel/ ──▶ kernel-ts/hal/ ──▶ fdt/ common/
 *   emulator/ ──▶ common/;   one file ──▶ koffi
 *   fdt/ ──▶ common/
 * ```
 * `#host/NAME` is `workbench/host/node/NAME`, and `workbench/host/browser/NAME` in a browser.
 * Globals of Node and of browsers (process, console, document …) are kept out of common/, fdt/ and
 * kernel-ts/ by tsconfig.kernel.json, which type-checks them in a world that has none; what the
 * language itself brings is listed here.
 */

/** Imports that one file alone may have, by file. */
export const SINGLE_FILE_IMPORTS: ReadonlyMap<string, readonly string[]> = new Map([
  // The only file that opens the engine's library; it loads koffi when it does.
  ['emulator/engine/unicorn-library.ts', ['koffi', 'node:module']],
  ['workbench/engine-library/huge-pages.ts', ['koffi', 'node:module']],
  ['scripts/build.mjs', ['esbuild']],
]);

/** Entry points: every file other than a test is one of these, or is reached from one. */
export const ENTRY_POINTS: readonly RegExp[] = [
  /^workbench\/(index|testing)\.ts$/,
  /^workbench\/commands\/[^/]+\.ts$/,
  /^workbench\/(report|web|site)\/page\/(report|live|site|service-worker)\.ts$/,
  /^workbench\/site\/worker\/worker\.ts$/,
  /^scripts\/(?!.*\.test\.ts$)[^/]+$/,
];

/**
 * Folders behind `#host/`, each with the same files: the parts that differ between Node and a
 * browser.
 */
export const HOST = { node: 'workbench/host/node/', browser: 'workbench/host/browser/' } as const;

/** Folders whose subfolders must not import each other in a circle, tests left out. */
export const LAYERED_FOLDERS: readonly string[] = [
  'emulator/',
  'emulator/a64/',
  'emulator/devices/',
  'kernel-ts/kernel/',
  'kernel-ts/kernel/mm/',
  'workbench/',
  'scripts/',
];

/** A word that must not appear in code, and why. */
export interface ForbiddenWord {
  readonly pattern: RegExp;
  readonly reason: string;
}

/** Forbidden in every folder: one dialect. */
export const FORBIDDEN_EVERYWHERE: readonly ForbiddenWord[] = [
  { pattern: /(?<![\w$])#[a-z_]\w*/gi, reason: 'is a second way to say private' },
  {
    // FpEnvironment is a term of C's <fenv.h>.
    pattern:
      /\b(?:interface|class|type)\s+(?!FpEnvironment\b)\w+(?:Parts|Deps|Ports|Services|Owners|Environ|Environment)\b/g,
    reason: 'ends unlike other bundles of dependencies: …Context',
  },
];

/** The rule for the files below one folder. Paths are relative to the package root, with "/". */
export interface FolderRule {
  readonly folder: string;
  /** Prefixes of files that may be imported. */
  readonly mayImport: readonly string[];
  /** Packages that may be imported, and `node:` for Node's modules. */
  readonly packages: readonly string[];
  /** Packages for its *.test.ts files and its testing/ folders beside those. */
  readonly testPackages: readonly string[];
  readonly forbidden: readonly ForbiddenWord[];
}

// Not after a dot (a member of something else) and not a property's name.
const word = (name: string): RegExp => new RegExp(`(?<![.\\w$]|\\?\\.)${name}(?![\\w$]|\\s*\\??:)`, 'g');

const CLOCK_AND_CHANCE: readonly ForbiddenWord[] = [
  { pattern: word('Date'), reason: 'reads the host clock' },
  { pattern: /\bperformance\s*\.\s*\w+/g, reason: 'reads the host clock' },
  { pattern: /\bhrtime\b/g, reason: 'reads the host clock' },
  { pattern: /\bMath\s*\.\s*random\b/g, reason: 'is not reproducible' },
  { pattern: /(?<![.\w$])crypto\s*\.\s*\w+/g, reason: 'is not reproducible' },
];

/** Ways to reach a global without writing its name, or to wait for the host. */
const AMBIENT: readonly ForbiddenWord[] = [
  'globalThis',
  'eval',
  'Function\\s*\\(',
  'SharedArrayBuffer',
  'Atomics',
  'WeakRef',
  'FinalizationRegistry',
].map((name) => ({ pattern: new RegExp(`(?<![.\\w$])${name}`, 'g'), reason: 'reaches outside the kernel' }));

const TEST_PACKAGES = ['vitest', 'fast-check', 'node:'];

/** Code without a host: no clock, no randomness, no environment. */
const freestanding = (folder: string, mayImport: readonly string[]): FolderRule => ({
  folder,
  mayImport: [folder, ...mayImport],
  packages: [],
  testPackages: TEST_PACKAGES,
  forbidden: [...CLOCK_AND_CHANCE, ...AMBIENT],
});

/** Code of the machine: deterministic, but it may use the language's own globals. */
const deterministic = (folder: string, mayImport: readonly string[]): FolderRule => ({
  ...freestanding(folder, mayImport),
  forbidden: CLOCK_AND_CHANCE,
});

/** Longest folder first: the first rule whose folder holds a file is its rule. */
export const FOLDER_RULES: readonly FolderRule[] = [
  freestanding('common/', []),
  freestanding('fdt/', ['common/']),
  freestanding('kernel-ts/hal/', ['fdt/', 'common/']),
  freestanding('kernel-ts/kernel/', ['kernel-ts/hal/', 'fdt/', 'common/']),
  // Files beside hal/ and kernel/: none so far; they get the rule of neither.
  { ...freestanding('kernel-ts/', []), mayImport: ['common/'] },
  deterministic('emulator/', ['common/']),
  deterministic('boards/', ['fdt/', 'common/', 'emulator/bus/', 'emulator/devices/']),
  { ...deterministic('firmware/', ['common/']), packages: ['node:'] },
  ...['workbench/report/page/', 'workbench/web/page/', 'workbench/site/page/'].map((folder) => ({
    // Code of pages: it gets data, and never asks a machine.
    folder,
    mayImport: [
      'workbench/report/',
      'workbench/web/page/',
      'workbench/web/protocol.ts',
      'common/',
      ...(folder.includes('/site/') ? [folder, 'workbench/site/protocol.ts'] : []),
    ],
    packages: ['uplot', '@xterm/xterm', '@xterm/addon-fit'],
    testPackages: TEST_PACKAGES,
    forbidden: [],
  })),
  {
    folder: HOST.browser,
    mayImport: ['workbench/', 'emulator/', 'common/'],
    packages: ['pako', '@noble/hashes'],
    testPackages: TEST_PACKAGES,
    forbidden: [],
  },
  {
    folder: 'workbench/',
    mayImport: ['workbench/', 'boards/', 'kernel-ts/', 'emulator/', 'firmware/', 'fdt/', 'common/'],
    packages: ['commander', 'node:', 'vitest'],
    testPackages: TEST_PACKAGES,
    forbidden: [],
  },
  {
    folder: 'scripts/',
    mayImport: [''],
    packages: ['commander', 'node:'],
    testPackages: TEST_PACKAGES,
    forbidden: [],
  },
  {
    folder: 'tests/',
    mayImport: [''],
    packages: ['vitest', 'fast-check', 'node:', 'esbuild', 'playwright-core'],
    testPackages: [],
    forbidden: [],
  },
];
