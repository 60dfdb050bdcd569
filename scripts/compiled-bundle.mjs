// SPDX-License-Identifier: GPL-2.0-only
/**
 * Loads a command's bundle with the code that V8 compiled of it in an earlier run, as Node itself
 * keeps code of modules from version 22 on: parsing and compiling a megabyte and a half is most of
 * a short command's time.
 *
 *     dist/NAME.cjs    script ... //# digest=0123456789abcdef
 *     dist/NAME.code   V8's code ...         0123456789abcdef
 *
 * V8 refuses code of another version or other flags, but tells scripts apart by their length only;
 * so the code carries the digest of its script. It is written at the end of a run that compiled
 * much that was not in it: it then holds the functions that such runs call.
 */

import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { getHeapCodeStatistics } from 'node:v8';
import vm from 'node:vm';

/** Mark that the build puts at the end of a script, before the first digits of its SHA-256. */
export const DIGEST_MARK = '\n//# digest=';
export const DIGEST_LENGTH = 16;
/** Least new compiled code, in bytes, that is worth keeping again. */
const MUCH_CODE_BYTES = 128 * 1024;

/** Null when the build has put no digest there: no code of such a script is kept. */
function digestOf(script) {
  const at = script.length - DIGEST_LENGTH;
  return script.startsWith(DIGEST_MARK, at - DIGEST_MARK.length) ? script.slice(at) : null;
}

/** Kept code of the script with `digest`; undefined when there is none. */
function keptCode(path, digest) {
  try {
    const kept = readFileSync(path);
    const end = kept.length - DIGEST_LENGTH;
    return kept.latin1Slice(end) === digest ? kept.subarray(0, end) : undefined;
  } catch {
    return undefined;
  }
}

/** Writes in one step. In a package that cannot be written to, no code is kept. */
function keep(path, digest, code) {
  const temporary = `${path}.${process.pid}.partial`;
  try {
    writeFileSync(temporary, Buffer.concat([code, Buffer.from(digest, 'latin1')]));
    renameSync(temporary, path);
  } catch {
    rmSync(temporary, { force: true });
  }
}

const compiledBytes = () => getHeapCodeStatistics().bytecode_and_metadata_size;

/**
 * Runs the script at `path`: ASCII characters, an expression that is a function as Node makes one
 * of a CommonJS module.
 * @returns what it exports, and what is to be called when its work is done
 * @throws what the script throws
 */
export function loadBundle(path) {
  const script = readFileSync(path, 'latin1');
  const digest = digestOf(script);
  const codePath = path.replace(/\.cjs$/, '.code');
  const code = digest === null ? undefined : keptCode(codePath, digest);
  const compiled = new vm.Script(script, {
    filename: path,
    cachedData: code,
    importModuleDynamically: vm.constants?.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  const isKept = code !== undefined && compiled.cachedDataRejected === false;
  const bytesBefore = compiledBytes();
  const module = { exports: {} };
  compiled.runInThisContext()(module.exports, createRequire(path), module, path);
  return {
    exports: module.exports,
    keepCode() {
      if (digest === null || (isKept && compiledBytes() - bytesBefore < MUCH_CODE_BYTES)) return;
      keep(codePath, digest, compiled.createCachedData());
    },
  };
}
