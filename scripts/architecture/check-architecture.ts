// SPDX-License-Identifier: GPL-2.0-only
/**
 * Applies the rules of rules.ts to a set of source files. Reads no file itself except through
 * {@link readSources}.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { join, posix, relative } from 'node:path';
import { wideComments } from './comment-width.ts';
import { circlesOf, type ImportGraph, unreachedFrom } from './import-graph.ts';
import {
  ENTRY_POINTS,
  FOLDER_RULES,
  FORBIDDEN_EVERYWHERE,
  type FolderRule,
  HOST,
  LAYERED_FOLDERS,
  SINGLE_FILE_IMPORTS,
} from './rules.ts';
import { lineAt, type ScannedSource, scanSource } from './scan-source.ts';

/** A broken rule. `file` is relative to the package root, with "/"; `line` counts from 1. */
export interface Violation {
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

/**
 * Violations, and the number of files read in each folder of FOLDER_RULES: a check that read
 * nothing has proved nothing.
 */
export interface ArchitectureReport {
  readonly violations: readonly Violation[];
  readonly filesRead: ReadonlyMap<string, number>;
  readonly importsSeen: number;
}

/** Text of each source file by path. */
export type Sources = ReadonlyMap<string, string>;

/**
 * Every .ts and .mjs file below the folders of FOLDER_RULES.
 * @throws Error when a top folder cannot be read
 */
export function readSources(root: string): Sources {
  return readFiles(root, new Set(FOLDER_RULES.map((rule) => rule.folder.replace(/\/.*$/, '/'))), /\.(ts|mts|mjs|js)$/);
}

/** Every other file that must begin with its licence: assembly, C, scripts, pages and styles. */
export function readOtherSources(root: string): Sources {
  return readFiles(root, ['firmware/', 'scripts/', 'workbench/'], /\.(S|inc|ld|c|h|py|pl|sh|css|html)$/);
}

function readFiles(root: string, folders: Iterable<string>, wanted: RegExp): Sources {
  const paths = [...folders].flatMap((folder) =>
    readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile() && wanted.test(entry.name))
      .map((entry) => relative(root, join(entry.parentPath, entry.name)).replaceAll('\\', '/')),
  );
  return new Map(paths.sort().map((path) => [path, readFileSync(join(root, path), 'utf8')]));
}

/** The imports and the code of each file. Linear in the size of the sources. */
export const scanAll = (sources: Sources): ReadonlyMap<string, ScannedSource> =>
  new Map([...sources].map(([file, text]) => [file, scanSource(text)]));

/** Checks every file against the rule of its folder. Linear in the size of the sources. */
export function checkArchitecture(sources: Sources, scanned = scanAll(sources)): ArchitectureReport {
  const violations: Violation[] = [];
  const filesRead = new Map<string, number>(FOLDER_RULES.map((rule) => [rule.folder, 0]));
  let importsSeen = 0;
  for (const [file, text] of sources) {
    const rule = FOLDER_RULES.find(({ folder }) => file.startsWith(folder));
    if (rule === undefined) {
      violations.push({ file, line: 1, message: 'lies in a folder that has no rule' });
      continue;
    }
    filesRead.set(rule.folder, (filesRead.get(rule.folder) ?? 0) + 1);
    const { imports, code } = scanned.get(file) ?? scanSource(text);
    importsSeen += imports.length;
    for (const { specifier, line } of imports) {
      const message = judgeImport(rule, file, specifier, sources);
      if (message !== null) violations.push({ file, line, message });
    }
    violations.push(...commentsTooWide(file, text, false));
    for (const { pattern, reason } of [...FORBIDDEN_EVERYWHERE, ...rule.forbidden]) {
      for (const match of code.matchAll(pattern)) {
        violations.push({ file, line: lineAt(code, match.index), message: `${match[0].trim()} ${reason}` });
      }
    }
  }
  return { violations, filesRead, importsSeen };
}

/**
 * Checks the imports of all files together: no circles of files or of the subfolders of
 * LAYERED_FOLDERS, not even of types, and no file outside `testing/` folders that only tests use.
 * Linear in the size of the sources.
 */
export function checkImportGraph(sources: Sources, scanned = scanAll(sources)): Violation[] {
  const graph = new Map(
    [...scanned].map(([file, { imports }]) => {
      const targets = imports.flatMap(({ specifier }) => {
        const target = resolveImport(file, specifier);
        return target === null ? [] : [target, inBrowser(target)];
      });
      return [file, targets.filter((target) => sources.has(target))] as const;
    }),
  );
  const entries = [...sources.keys()].filter((file) => ENTRY_POINTS.some((pattern) => pattern.test(file)));
  const circles = circlesOf(graph).map((circle) => ({
    file: circle[0] ?? '',
    line: 1,
    message: `imports itself by way of ${circle.slice(1).join(', ')}: let one of them hold what both need`,
  }));
  const unused = unreachedFrom(entries, graph)
    .filter((file) => !isTest(file))
    .map((file) => ({ file, line: 1, message: 'only tests lead here: its place is a testing/ folder, or none' }));
  return [...circles, ...LAYERED_FOLDERS.flatMap((folder) => circlesOfSubfolders(folder, graph)), ...unused];
}

/** Circles of the folders that lie directly in `parent`. */
function circlesOfSubfolders(parent: string, graph: ImportGraph): Violation[] {
  const subfolderOf = (file: string): string | null =>
    file.startsWith(parent) && file.includes('/', parent.length) && !isTest(file)
      ? file.slice(0, file.indexOf('/', parent.length) + 1)
      : null;
  const folders = new Map<string, string[]>();
  for (const [file, targets] of graph) {
    const folder = subfolderOf(file);
    if (folder === null) continue;
    const others = targets.map((target) => subfolderOf(target) ?? folder);
    folders.set(folder, [...(folders.get(folder) ?? []), ...others]);
  }
  return circlesOf(folders).map((circle) => ({
    file: circle[0] ?? '',
    line: 1,
    message: `imports itself by way of ${circle.slice(1).join(', ')}: no circles of folders`,
  }));
}

/** The source file that `specifier` names in `file`, from the package root; null for a package. */
export function resolveImport(file: string, specifier: string): string | null {
  if (specifier.startsWith('#host/')) return specifier.replace('#host/', HOST.node);
  if (specifier.startsWith('#')) return specifier.slice(1);
  return specifier.startsWith('.') ? posix.join(posix.dirname(file), specifier) : null;
}

/** The file that replaces `target` in a browser: package.json, "imports". */
const inBrowser = (target: string): string => target.replace(HOST.node, HOST.browser);

/** Modules of one side of the host that the other side lacks. */
export function checkHostSides(sources: Sources): Violation[] {
  const sides = [
    [HOST.node, HOST.browser],
    [HOST.browser, HOST.node],
  ] as const;
  return sides.flatMap(([side, other]) =>
    [...sources.keys()]
      .filter((file) => file.startsWith(side) && !isTest(file) && !sources.has(file.replace(side, other)))
      .map((file) => ({ file, line: 1, message: `has no counterpart in ${other}` })),
  );
}

/** Null when `file` may import `specifier`, else the reason why not. */
function judgeImport(rule: FolderRule, file: string, specifier: string, sources: Sources): string | null {
  const target = resolveImport(file, specifier);
  if (target === null) return judgePackage(rule, file, specifier);
  if (specifier.startsWith('../')) return `imports ${specifier}; write #${target}`;
  if (!sources.has(target) || (specifier.startsWith('#host/') && !sources.has(inBrowser(target)))) {
    return `imports ${specifier}, which is no source file`;
  }
  const allowed = rule.mayImport.some((prefix) => target.startsWith(prefix));
  if (!allowed) return `${rule.folder}** may not import ${target}`;
  return !isTest(file) && isTest(target) ? `imports ${target}, which is for tests` : null;
}

function judgePackage(rule: FolderRule, file: string, specifier: string): string | null {
  if (SINGLE_FILE_IMPORTS.get(file)?.includes(specifier) === true) return null;
  const allowed = isTest(file) ? [...rule.packages, ...rule.testPackages] : rule.packages;
  const permitted = allowed.some((name) =>
    name.endsWith(':') ? specifier.startsWith(name) : specifier === name || specifier.startsWith(`${name}/`),
  );
  return permitted ? null : `${rule.folder}** may not import the module ${specifier}`;
}

/** True for test files and files in testing/ folders, which are never part of the product. */
function isTest(path: string): boolean {
  return path.startsWith('tests/') || path.endsWith('.test.ts') || path.includes('/testing/');
}

/** Comments of assembly that are too wide; those of TypeScript are in {@link checkArchitecture}. */
export function checkAssembly(sources: Sources): Violation[] {
  const assembly = [...sources].filter(([file]) => /\.(S|inc)$/.test(file));
  return assembly.flatMap(([file, text]) => commentsTooWide(file, text, true));
}

function commentsTooWide(file: string, text: string, isAssembly: boolean): Violation[] {
  return wideComments(text, isAssembly).map(({ line, limit }) => ({
    file,
    line,
    message: `is a comment wider than ${limit} columns`,
  }));
}

const LICENCE = 'SPDX-License-Identifier: GPL-2.0-only';
const LICENCE_LINE = new RegExp(`^(#!.*\\n|<!doctype html>\\n)?(//|#|/\\*|<!--) ${LICENCE}( \\*/| -->)?\\n`);

/** Files that do not begin with their licence; it may follow a line "#!" or "<!doctype". */
export function checkLicences(sources: Sources): Violation[] {
  return [...sources]
    .filter(([, text]) => !LICENCE_LINE.test(text))
    .map(([file]) => ({ file, line: 1, message: `does not begin with ${LICENCE}` }));
}
