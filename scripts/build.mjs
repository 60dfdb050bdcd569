#!/usr/bin/env node
// SPDX-License-Identifier: GPL-2.0-only
/**
 * Bundles the commands and the library into dist/ with esbuild, and writes the library's type
 * declarations with tsc.
 *
 * ```
 *   dist/NAME.cjs          one for each command, with NAME.cjs.map and NAME.inputs.json (what it was made of);
 *                          NAME.code beside it is what V8 compiled of it (scripts/compiled-bundle.mjs)
 *   dist/handlers-*.bin    the own core's interpreter, generated from the sources; bundles name it by its digest
 *   dist/index.mjs         the package's entry points, sharing chunks so that a class is one class in both
 *   dist/testing.mjs
 *   dist/types/            declarations
 *   dist/pages/NAME.html   the pages that a command writes or serves, each one file with its style and script inside
 *   dist/pages/site/       the files of the site: page, worker, firmware images; site.inputs.json beside: sources
 * ```
 * dist/ is flat: workbench/package-root.ts finds the package one folder above itself. Every file is
 * put in place by a rename, so a command that starts while another one builds sees an old file or a
 * new one, never half of one.
 *
 * `node scripts/build.mjs` builds all and fails when something does; with `--if-possible` (npm's
 * "prepare") a failure is a note and exit status 0, because a command is bundled anyway when it is
 * first run.
 */

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import vm from 'node:vm';
import { DIGEST_LENGTH, DIGEST_MARK } from './compiled-bundle.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');

/** Entry points of the library: workbench/NAME.ts. */
const LIBRARY_ENTRIES = ['index', 'testing'];
/**
 * Folders of commands, each command as NAME.ts: those of users, then those of the project's own
 * work.
 */
const COMMAND_FOLDERS = ['workbench/commands', 'scripts'];
export const COMMANDS = ['boot', 'log', 'explain', 'web', 'site', 'doctor', 'bench', 'fuzz'];
/**
 * Pages by the command that uses them. They are built with the command, so a changed page counts as
 * a changed source.
 */
const PAGES_OF = { boot: ['report'], web: ['live'], site: ['report', 'site'] };
/** Sources of a page, without their endings: .html, .css and .ts. */
const PAGE_SOURCES = { report: 'workbench/report/page/report', live: 'workbench/web/page/live' };
/** The site's page, its worker and its service worker. */
const SITE_SOURCE = 'workbench/site/page/site';
const SITE_WORKER = 'workbench/site/worker/worker.ts';
const SERVICE_WORKER = 'workbench/site/page/service-worker.ts';
/** Files of firmware/images that a machine in the worker can need. */
const firmwareFiles = () =>
  readdirSync(join(root, 'firmware', 'images')).filter((name) =>
    /^(kernel\.bin|kernel\.symbols\.json|initramfs\.cpio|reset-.*\.bin)$/.test(name),
  );
/**
 * Pieces of HTML that pages share. A piece replaces `<!-- NAME -->`, and may contain another piece.
 */
const PARTS = {
  controls: 'workbench/web/page/controls.html',
  machine: 'workbench/web/page/machine.html',
  lanes: 'workbench/report/page/lanes.html',
  map: 'workbench/report/page/map.html',
};
/** Files that change the bundles but are not among their sources. */
const ALSO_INPUTS = ['package.json', 'package-lock.json', 'tsconfig.json', 'scripts/build.mjs'];

/** @type {import('esbuild').BuildOptions} */
const SHARED_OPTIONS = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  sourcemap: 'linked',
  // Puts exported numbers in place of their names, across files: see kernel-ts/kernel/mm/page.ts.
  // Names and lines stay readable in stack traces.
  minifySyntax: true,
  metafile: true,
  write: false,
  outdir: 'dist',
  outExtension: { '.js': '.mjs' },
  // koffi loads a native file that lies beside its own; vitest must be the one that runs the tests.
  external: ['koffi', 'vitest'],
  logLevel: 'silent',
};

/**
 * A command is a script with one function, as Node wraps CommonJS: code that V8 has compiled can be
 * kept of scripts only (scripts/compiled-bundle.mjs).
 */
const COMMAND_OPTIONS = {
  format: 'cjs',
  outExtension: { '.js': '.cjs' },
  define: { 'import.meta.url': 'bundleUrl' },
  banner: {
    js: '(function (exports, require, module, __filename) {"use strict";\nconst bundleUrl = require("node:url").pathToFileURL(__filename).href;',
  },
  footer: { js: '})' },
};

/**
 * Bundled CommonJS packages ask for Node's modules through `require`, which an ES module does not
 * have.
 */
const REQUIRE_BANNER = {
  js: "import { createRequire as levitateCreateRequire } from 'node:module';\nconst require = levitateCreateRequire(import.meta.url);",
};

export async function loadEsbuild() {
  try {
    return await import('esbuild');
  } catch {
    throw new Error('esbuild is not installed: run "npm install" (with development dependencies) in the package first');
  }
}

const digestOf = (contents) => createHash('sha256').update(contents).digest('hex').slice(0, DIGEST_LENGTH);

/** Writes `contents` to `path` in one step. */
function putInPlace(path, contents) {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.partial`;
  try {
    writeFileSync(temporary, contents);
    renameSync(temporary, path);
  } finally {
    rmSync(temporary, { force: true });
  }
}

/**
 * Sizes and times of the sources of a bundle, by path from the root. Installed packages are covered
 * by the lock file.
 */
function inputsOf(metafile) {
  const sources = Object.keys(metafile.inputs).filter((path) => !path.includes('node_modules/'));
  return [...sources, ...ALSO_INPUTS]
    .filter((path) => existsSync(join(root, path)))
    .map((path) => {
      const { size, mtimeMs } = statSync(join(root, path));
      return [path, size, mtimeMs];
    });
}

async function build(esbuild, options) {
  try {
    return await esbuild.build({ ...SHARED_OPTIONS, plugins: [handlersPlugin(esbuild)], ...options });
  } catch (error) {
    const messages = await esbuild.formatMessages(error.errors ?? [], {
      kind: 'error',
      color: process.stderr.isTTY === true,
    });
    throw new Error(messages.length === 0 ? String(error) : messages.join('\n'), { cause: error });
  }
}

/** Source with the name of the generated handlers, and the module that generates them. */
const HANDLERS_NAME = /\/workbench\/engine-library\/handlers-file\.ts$/;
const HANDLERS_SOURCE = 'emulator/a64/runtime.ts';
let handlers = null;

/** In a bundle with the own core, {@link HANDLERS_NAME} names the file that the build has made. */
const handlersPlugin = (esbuild) => ({
  name: 'handlers',
  setup({ onLoad }) {
    onLoad({ filter: /handlers-file\.ts$/ }, async ({ path }) => {
      if (!HANDLERS_NAME.test(path.replaceAll(sep, '/'))) return undefined;
      handlers ??= makeHandlers(esbuild);
      return { contents: `export const HANDLERS_FILE = ${JSON.stringify(await handlers)};` };
    });
  },
});

/** Writes dist/handlers-DIGEST.bin, removes those of other sources. @returns the file's name */
export async function makeHandlers(esbuild) {
  const options = { entryPoints: [HANDLERS_SOURCE], format: 'cjs', outExtension: {}, sourcemap: false };
  const { outputFiles } = await build(esbuild, options);
  const module = { exports: {} };
  vm.runInThisContext(`(function (module) {${outputFiles[0].text}\n})`)(module);
  const { selections, plain, fp } = module.exports.generatedHandlers();
  // As workbench/engine-library/prepared-handlers.ts reads it.
  const text = JSON.stringify(selections);
  const head = Buffer.alloc(8);
  head.writeUInt32LE(text.length, 0);
  head.writeUInt32LE(plain.length, 4);
  const bytes = Buffer.concat([head, Buffer.from(text), plain, fp()]);
  const name = `handlers-${digestOf(bytes)}.bin`;
  putInPlace(join(dist, name), bytes);
  for (const file of readdirSync(dist)) {
    if (/^handlers-.*\.(bin|json)$/.test(file) && file !== name) rmSync(join(dist, file), { force: true });
  }
  return name;
}

/** SOURCE.html with the parts that it names. */
function htmlOf(source) {
  let html = readFileSync(join(root, `${source}.html`), 'utf8');
  for (const [name, path] of Object.entries(PARTS)) {
    html = html.replace(`<!-- ${name} -->`, () => readFileSync(join(root, path), 'utf8').trimEnd());
  }
  return html;
}

const htmlInputs = (source) =>
  Object.fromEntries([`${source}.html`, ...Object.values(PARTS)].map((path) => [path, {}]));

const BROWSER_OPTIONS = {
  platform: 'browser',
  format: 'iife',
  target: 'es2022',
  minify: true,
  sourcemap: false,
  charset: 'utf8',
  external: [],
  outExtension: {},
};

/** Writes dist/pages/site/, behind dist/pages/report.html. @returns as {@link bundlePage} */
async function bundleSite(esbuild) {
  const firmware = firmwareFiles();
  const page = await build(esbuild, { ...BROWSER_OPTIONS, entryPoints: [`${SITE_SOURCE}.ts`, `${SITE_SOURCE}.css`] });
  const worker = await build(esbuild, {
    ...BROWSER_OPTIONS,
    entryPoints: [SITE_WORKER],
    define: { FIRMWARE_FILES: JSON.stringify(firmware) },
  });
  const files = new Map([
    ['index.html', Buffer.from(htmlOf(SITE_SOURCE))],
    ['report.html', readFileSync(join(dist, 'pages', 'report.html'))],
    ...[...page.outputFiles, ...worker.outputFiles].map(({ path, contents }) => [basename(path), contents]),
    ...firmware.map((name) => [`firmware/${name}`, readFileSync(join(root, 'firmware', 'images', name))]),
  ]);
  const digest = createHash('sha256');
  for (const [name, contents] of files) digest.update(`${name} ${contents.length}\n`).update(contents);
  const serviceWorker = await build(esbuild, {
    ...BROWSER_OPTIONS,
    entryPoints: [SERVICE_WORKER],
    define: {
      SITE_VERSION: JSON.stringify(digest.digest('hex').slice(0, 16)),
      // The folder itself is the page.
      SITE_FILES: JSON.stringify(['./', ...files.keys()]),
    },
  });
  files.set('service-worker.js', serviceWorker.outputFiles[0].contents);
  const folder = join(dist, 'pages', 'site');
  for (const [name, contents] of files) putInPlace(join(folder, name), contents);
  const made = [page, worker, serviceWorker].map(({ metafile }) => metafile.inputs);
  const inputs = Object.assign({}, htmlInputs(SITE_SOURCE), ...made);
  for (const name of firmware) inputs[`firmware/images/${name}`] = {};
  putInPlace(join(dist, 'pages', 'site.inputs.json'), JSON.stringify(Object.keys(inputs)));
  return { inputs };
}

/** Writes dist/pages/NAME.html. @returns what it was made of, as in {@link inputsOf}'s argument */
async function bundlePage(esbuild, name) {
  if (name === 'site') return bundleSite(esbuild);
  const source = PAGE_SOURCES[name];
  const { outputFiles, metafile } = await build(esbuild, {
    ...BROWSER_OPTIONS,
    entryPoints: [`${source}.ts`, `${source}.css`],
  });
  const textOf = (ending) => outputFiles.find(({ path }) => path.endsWith(ending)).text;
  const html = htmlOf(source)
    .replace('/* page style */', () => textOf('.css'))
    .replace('/* page script */', () => textOf('.js'));
  putInPlace(join(dist, 'pages', `${name}.html`), html);
  return { inputs: { ...metafile.inputs, ...htmlInputs(source) } };
}

/** The source of command `name`, from the root; undefined when there is none. */
export function commandSource(name) {
  return COMMAND_FOLDERS.map((folder) => `${folder}/${name}.ts`).find((path) => existsSync(join(root, path)));
}

/**
 * The script with nothing but ASCII, of which V8 keeps a byte a character (esbuild leaves other
 * characters in comments only), and with the digest that the launcher looks for.
 */
function commandScript(text) {
  const script = text.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return `${script}${DIGEST_MARK}${digestOf(script)}`;
}

/**
 * Bundles the source of `name` into dist/NAME.cjs, and its pages.
 * @throws Error with esbuild's messages when it cannot be bundled
 */
export async function bundleCommand(name) {
  const esbuild = await loadEsbuild();
  const started = Date.now();
  const result = await build(esbuild, { entryPoints: [commandSource(name)], ...COMMAND_OPTIONS });
  const made = [result.metafile];
  for (const page of PAGES_OF[name] ?? []) made.push(await bundlePage(esbuild, page));
  // A source saved while the bundle was being made gets a time of 0 here, and the next start
  // bundles again.
  const inputs = made.flatMap(inputsOf).map(([path, size, mtimeMs]) => [path, size, mtimeMs > started ? 0 : mtimeMs]);
  for (const file of result.outputFiles) {
    putInPlace(file.path, file.path.endsWith('.cjs') ? commandScript(file.text) : file.contents);
  }
  putInPlace(join(dist, `${name}.inputs.json`), JSON.stringify(inputs));
}

/**
 * Bundles the entry points that exist, and returns their names. Chunks of earlier builds are
 * removed.
 */
async function bundleLibrary() {
  const entries = LIBRARY_ENTRIES.filter((name) => existsSync(join(root, 'workbench', `${name}.ts`)));
  if (entries.length === 0) return entries;
  const esbuild = await loadEsbuild();
  const result = await build(esbuild, {
    entryPoints: entries.map((name) => `workbench/${name}.ts`),
    splitting: true,
    chunkNames: 'shared-[hash]',
    banner: REQUIRE_BANNER,
  });
  const made = new Set(result.outputFiles.map((file) => basename(file.path)));
  for (const file of result.outputFiles) putInPlace(file.path, file.contents);
  for (const file of readdirSync(dist)) {
    if (file.startsWith('shared-') && !made.has(file)) rmSync(join(dist, file));
  }
  return entries;
}

/** Writes dist/types/. @throws Error with the compiler's messages */
function declareLibrary() {
  const compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
  const result = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.declarations.json'], {
    cwd: root,
    encoding: 'utf8',
  });
  if (result.status !== 0) {
    throw new Error(`the type declarations could not be made:\n${result.stdout}${result.stderr}`);
  }
  // The package's own "#folder/" names lead to its sources, which a published package does not
  // have.
  const types = join(dist, 'types');
  for (const file of readdirSync(types, { recursive: true }).filter((path) => path.endsWith('.d.ts'))) {
    const up = relative(dirname(join(types, file)), types).replaceAll(sep, '/') || '.';
    const text = readFileSync(join(types, file), 'utf8');
    const named = text.replace(/(['"])#host\//g, `$1${up}/workbench/host/node/`);
    writeFileSync(join(types, file), named.replace(/(['"])#(?=[a-z-]+\/)/g, `$1${up}/`));
  }
}

async function buildAll() {
  const commands = COMMANDS.filter((name) => commandSource(name) !== undefined);
  for (const name of commands) await bundleCommand(name);
  const entries = await bundleLibrary();
  if (entries.length > 0) declareLibrary();
  const made = [...commands.map((name) => `${name}.cjs`), ...entries.map((name) => `${name}.mjs`)];
  const paths = made.map((name) => `${relative(root, dist)}${sep}${name}`);
  process.stderr.write(`built ${paths.join(', ')}\n`);
}

if (process.argv[1] !== undefined && fileURLToPath(import.meta.url) === process.argv[1]) {
  try {
    await buildAll();
  } catch (error) {
    const tolerated = process.argv.includes('--if-possible');
    process.stderr.write(`${tolerated ? 'not built now: ' : ''}${error.message}\n`);
    process.exitCode = tolerated ? 0 : 1;
  }
}
