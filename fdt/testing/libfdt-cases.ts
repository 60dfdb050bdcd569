// SPDX-License-Identifier: GPL-2.0-only
/**
 * Test data: one hand-made blob for each result of libfdt's fdt_check_full. `answer` is libfdt's
 * result (1.7.2, run on each blob; for the FDT_ERR_ALIGNMENT rows, which it does not check yet,
 * 1.8.1), except where `stricter` gives the reason why this reader refuses more.
 */

import { ascii, begin, blob, END, END_NODE, NOP, prop } from './blob-builder.ts';
import type { FdtErrorName } from '#fdt/errors.ts';

/** Blob, with libfdt's result. */
export interface LibfdtCase {
  readonly name: string;
  readonly blob: Uint8Array;
  readonly answer: FdtErrorName | 'accepted';
  /** Offset in the blob that the error names. */
  readonly offset?: number;
  readonly stricter?: string;
}

const ROOT = [begin(''), END_NODE, END];
const GOOD = blob({ struct: ROOT });
/** Offset at which `blob` puts the structure block when there are no reservations. */
const STRUCT = 0x38;

function refused(answer: FdtErrorName, offset: number, name: string, bytes: Uint8Array): LibfdtCase {
  return { name, blob: bytes, answer, offset };
}

function accepted(name: string, bytes: Uint8Array): LibfdtCase {
  return { name, blob: bytes, answer: 'accepted' };
}

/** The checks of fdt_check_header, in its order. */
export const HEADER_CASES: readonly LibfdtCase[] = [
  refused('FDT_ERR_TRUNCATED', 0, 'no bytes', new Uint8Array(0)),
  refused('FDT_ERR_TRUNCATED', 27, 'a byte less than a version 1 header', GOOD.slice(0, 27)),
  refused('FDT_ERR_TRUNCATED', 39, 'a byte less than a version 17 header', GOOD.slice(0, 39)),
  refused(
    'FDT_ERR_TRUNCATED',
    30,
    'too short for its version, with a bad magic',
    blob({ struct: ROOT, header: { magic: 1 } }).slice(0, 30),
  ),
  refused('FDT_ERR_BADMAGIC', 0, 'a magic of another kind', blob({ struct: ROOT, header: { magic: 0xd00dfeee } })),
  refused('FDT_ERR_BADMAGIC', 0, 'a little-endian magic', blob({ struct: ROOT, header: { magic: 0xedfe0dd0 } })),
  refused(
    'FDT_ERR_BADMAGIC',
    0,
    'the magic of an unfinished blob',
    blob({ struct: ROOT, header: { magic: 0x2ff20112 } }),
  ),
  refused(
    'FDT_ERR_BADMAGIC',
    0,
    'bad magic before bad version',
    blob({ struct: ROOT, header: { magic: 0, version: 1 } }),
  ),
  refused('FDT_ERR_BADVERSION', 20, 'version 1', blob({ struct: ROOT, header: { version: 1, last_comp_version: 1 } })),
  {
    ...refused(
      'FDT_ERR_BADVERSION',
      20,
      'version 3',
      blob({ struct: ROOT, header: { version: 3, last_comp_version: 2 } }),
    ),
    stricter: 'versions 2 to 15 pad properties in another way; libfdt still reads them',
  },
  refused(
    'FDT_ERR_BADVERSION',
    24,
    'last compatible version 18',
    blob({ struct: ROOT, header: { version: 18, last_comp_version: 18 } }),
  ),
  refused(
    'FDT_ERR_BADVERSION',
    24,
    'version below its last compatible one',
    blob({ struct: ROOT, header: { version: 16, last_comp_version: 17 } }),
  ),
  refused(
    'FDT_ERR_BADVERSION',
    24,
    'bad version before bad size',
    blob({ struct: ROOT, header: { last_comp_version: 18, totalsize: 0 } }),
  ),
  refused('FDT_ERR_TRUNCATED', 4, 'a total size below the header', blob({ struct: ROOT, header: { totalsize: 39 } })),
  refused(
    'FDT_ERR_TRUNCATED',
    4,
    'a total size above INT_MAX',
    blob({ struct: ROOT, header: { totalsize: 0x8000_0000 } }),
  ),
  refused(
    'FDT_ERR_TRUNCATED',
    16,
    'reservations inside the header',
    blob({ struct: ROOT, header: { off_mem_rsvmap: 32 } }),
  ),
  refused(
    'FDT_ERR_TRUNCATED',
    16,
    'reservations beyond the total size',
    blob({ struct: ROOT, header: { off_mem_rsvmap: 0x1000 } }),
  ),
  refused('FDT_ERR_TRUNCATED', 8, 'structure inside the header', blob({ struct: ROOT, header: { off_dt_struct: 36 } })),
  refused(
    'FDT_ERR_TRUNCATED',
    8,
    'structure beyond the total size',
    blob({ struct: ROOT, header: { off_dt_struct: 0x1000 } }),
  ),
  refused(
    'FDT_ERR_TRUNCATED',
    36,
    'structure size beyond the total size',
    blob({ struct: ROOT, header: { size_dt_struct: 0x1000 } }),
  ),
  refused(
    'FDT_ERR_TRUNCATED',
    36,
    'structure size that overflows',
    blob({ struct: ROOT, header: { size_dt_struct: 0xffff_fff0 } }),
  ),
  refused('FDT_ERR_TRUNCATED', 12, 'strings inside the header', blob({ struct: ROOT, header: { off_dt_strings: 39 } })),
  refused(
    'FDT_ERR_TRUNCATED',
    12,
    'strings beyond the total size',
    blob({ struct: ROOT, header: { off_dt_strings: 0xffff_ffff } }),
  ),
  refused(
    'FDT_ERR_TRUNCATED',
    32,
    'strings size beyond the total size',
    blob({ struct: ROOT, header: { size_dt_strings: 6 } }),
  ),
  refused(
    'FDT_ERR_TRUNCATED',
    32,
    'strings size that overflows',
    blob({ struct: ROOT, header: { size_dt_strings: 0xffff_ffff } }),
  ),
  refused('FDT_ERR_TRUNCATED', 76, 'a blob shorter than its total size', GOOD.slice(0, -1)),
  accepted('the smallest tree', GOOD),
  accepted('bytes after the total size', blob({ struct: ROOT, after: [1, 2, 3] })),
  accepted('version 18 that 16 can read', blob({ struct: ROOT, header: { version: 18 } })),
  accepted(
    'a version 16 header, its structure size unread',
    blob({ struct: ROOT, header: { version: 16, size_dt_struct: 0xffff_ffff } }),
  ),
  accepted('overlapping blocks', blob({ struct: ROOT, header: { off_dt_strings: STRUCT } })),
  accepted('a bogus boot CPU', blob({ struct: ROOT, header: { boot_cpuid_phys: 0xffff_ffff } })),
];

/** Rows that libfdt knows since the 1.8 series. */
export const ALIGNMENT_CASES: readonly LibfdtCase[] = [
  refused(
    'FDT_ERR_ALIGNMENT',
    16,
    'reservations not at a multiple of 8',
    blob({ struct: ROOT, header: { off_mem_rsvmap: 44 } }),
  ),
  refused(
    'FDT_ERR_ALIGNMENT',
    8,
    'structure not at a multiple of 4',
    blob({ struct: ROOT, header: { off_dt_struct: STRUCT + 2 } }),
  ),
  refused(
    'FDT_ERR_ALIGNMENT',
    16,
    'alignment before range',
    blob({ struct: ROOT, header: { off_mem_rsvmap: 0x1001 } }),
  ),
];

/** The checks of fdt_check_full after the header. */
export const STRUCTURE_CASES: readonly LibfdtCase[] = [
  refused(
    'FDT_ERR_TRUNCATED',
    77,
    'reservations without a terminator',
    blob({ struct: ROOT, reservations: [1n, 1n], padding: [] }),
  ),
  refused('FDT_ERR_TRUNCATED', STRUCT + 12, 'missing FDT_END', blob({ struct: [begin(''), END_NODE] })),
  refused('FDT_ERR_TRUNCATED', STRUCT, 'an empty structure block', blob({ struct: [] })),
  refused('FDT_ERR_TRUNCATED', STRUCT + 12, 'half a token at the end', blob({ struct: [begin(''), END_NODE, [0, 0]] })),
  refused(
    'FDT_ERR_BADSTRUCTURE',
    STRUCT + 8,
    'an unterminated node name',
    blob({ struct: [begin(''), [0, 0, 0, 1, 65, 66, 67, 68]] }),
  ),
  refused(
    'FDT_ERR_BADSTRUCTURE',
    STRUCT + 8,
    'a property longer than the block',
    blob({ struct: [begin(''), [0, 0, 0, 3, 0, 0, 1, 0, 0, 0, 0, 0], END_NODE, END] }),
  ),
  refused(
    'FDT_ERR_BADSTRUCTURE',
    STRUCT + 8,
    'a property length that overflows',
    blob({ struct: [begin(''), [0, 0, 0, 3, 255, 255, 255, 255, 0, 0, 0, 0], END_NODE, END] }),
  ),
  refused(
    'FDT_ERR_BADSTRUCTURE',
    STRUCT + 8,
    'a property length near INT_MAX',
    blob({ struct: [begin(''), [0, 0, 0, 3, 127, 255, 255, 240, 0, 0, 0, 0], END_NODE, END] }),
  ),
  refused(
    'FDT_ERR_BADSTRUCTURE',
    STRUCT + 8,
    'a property cut before its length',
    blob({ struct: [begin(''), [0, 0, 0, 3]] }),
  ),
  refused(
    'FDT_ERR_BADSTRUCTURE',
    STRUCT + 8,
    'a property cut before its name',
    blob({ struct: [begin(''), [0, 0, 0, 3, 0, 0, 0, 0]] }),
  ),
  refused('FDT_ERR_BADSTRUCTURE', STRUCT, 'token 0', blob({ struct: [[0, 0, 0, 0]] })),
  refused('FDT_ERR_BADSTRUCTURE', STRUCT + 8, 'token 5', blob({ struct: [begin(''), [0, 0, 0, 5], END_NODE, END] })),
  refused('FDT_ERR_BADSTRUCTURE', STRUCT, 'a little-endian token', blob({ struct: [[1, 0, 0, 0], [0, 0, 0, 0], END] })),
  refused('FDT_ERR_BADSTRUCTURE', STRUCT, 'FDT_END_NODE at depth 0', blob({ struct: [END_NODE, END] })),
  refused('FDT_ERR_BADSTRUCTURE', STRUCT + 8, 'FDT_END inside the root', blob({ struct: [begin(''), END] })),
  refused(
    'FDT_ERR_BADSTRUCTURE',
    STRUCT + 12,
    'a second root',
    blob({ struct: [begin(''), END_NODE, begin(''), END_NODE, END] }),
  ),
  refused('FDT_ERR_BADSTRUCTURE', STRUCT, 'a root with a name', blob({ struct: [begin('root'), END_NODE, END] })),
  refused(
    'FDT_ERR_BADSTRUCTURE',
    STRUCT + 12,
    'a property after the root',
    blob({ struct: [begin(''), END_NODE, prop(0), END] }),
  ),
  refused(
    'FDT_ERR_BADSTRUCTURE',
    STRUCT + 12,
    'FDT_END_NODE after the root',
    blob({ struct: [begin(''), END_NODE, END_NODE, END] }),
  ),
  refused(
    'FDT_ERR_BADOFFSET',
    STRUCT + 8,
    'a property name at the end of the strings',
    blob({ struct: [begin(''), prop(5), END_NODE, END], padding: [0] }),
  ),
  refused(
    'FDT_ERR_BADOFFSET',
    STRUCT + 8,
    'a property name at offset -1',
    blob({ struct: [begin(''), prop(0xffff_ffff), END_NODE, END] }),
  ),
  refused(
    'FDT_ERR_TRUNCATED',
    STRUCT + 8,
    'an unterminated property name',
    blob({ struct: [begin(''), prop(2), END_NODE, END], strings: 'a\0bc', padding: [0] }),
  ),
  refused(
    'FDT_ERR_BADOFFSET',
    STRUCT,
    'a bad name in a property before the root',
    blob({ struct: [prop(99), ...ROOT] }),
  ),
  accepted('FDT_END alone', blob({ struct: [END] })),
  // Since libfdt 1.8.
  accepted('FDT_NOP after the root', blob({ struct: [...ROOT.slice(0, -1), NOP, NOP, END] })),
  accepted('FDT_NOP before the root', blob({ struct: [NOP, ...ROOT] })),
  accepted('a property before the root', blob({ struct: [prop(0), ...ROOT] })),
  accepted(
    'FDT_NOP everywhere inside',
    blob({
      struct: [begin(''), NOP, prop(0), NOP, begin('n'), NOP, END_NODE, NOP, begin('m'), END_NODE, NOP, END_NODE, END],
    }),
  ),
  accepted('a property after a sub-node', blob({ struct: [begin(''), begin('n'), END_NODE, prop(0), END_NODE, END] })),
  accepted('a property twice', blob({ struct: [begin(''), prop(0, [1]), prop(0, [2]), END_NODE, END] })),
  accepted('a node twice', blob({ struct: [begin(''), begin('n'), END_NODE, begin('n'), END_NODE, END_NODE, END] })),
  accepted('an unnamed sub-node', blob({ struct: [begin(''), begin(''), END_NODE, END_NODE, END] })),
  accepted('tokens after FDT_END', blob({ struct: [...ROOT, [0, 0, 0, 77], NOP] })),
  accepted('padding that is not zero', blob({ struct: [begin(''), prop(0, [1], 0xff), END_NODE, END] })),
  accepted(
    'illegal characters in names',
    blob({ struct: [begin(''), prop(0), begin('a/b c@@'), END_NODE, END_NODE, END], strings: '\x01 ü\0' }),
  ),
  accepted('a property with an empty name', blob({ struct: [begin(''), prop(1), END_NODE, END] })),
  accepted('a name that is the tail of another', blob({ struct: [begin(''), prop(3), END_NODE, END] })),
  accepted('a reservation of size 0 at an address', blob({ struct: ROOT, reservations: [1n, 2n, 3n, 0n, 4n, 5n] })),
  accepted(
    'a version 16 name beyond size_dt_strings',
    blob({ struct: [begin(''), prop(5), END_NODE, END], padding: ascii('x\0'), header: { version: 16 } }),
  ),
];
