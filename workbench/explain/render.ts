// SPDX-License-Identifier: GPL-2.0-only
/**
 * The answers as lines for people. What they say is decided elsewhere; here it gets its words and
 * columns.
 */

import { hex } from '#common/address.ts';
import { count, showTime, size, span } from '#common/quantities.ts';
import type { BlockEvent } from './block-history.ts';
import { drawBlockMap } from './block-map.ts';
import type { FrameExplanation } from './frame.ts';
import { showLink } from './kernel-memory.ts';
import type { MemoryExplanation } from './memory.ts';
import type { OwnedRange } from './physical-map.ts';
import { bold, type TerminalStyle } from '#workbench/cli/terminal-style.ts';
import { showPermissions, type TableRangeExplained, type TablesExplanation, type TreeExplanation } from './tables.ts';
import type { AddressExplanation, Alias } from './virtual-address.ts';

/** Entries of a long list that are shown; --json has all. */
const MOST_SHOWN = 24;

const bytesIn = ({ start, end }: { readonly start: number; readonly end: number }): number => end - start;

/** "  name      text", with the names in one column. */
function entry(name: string, text: string): string {
  return `  ${name.padEnd(13)}${text}`;
}

/** The first entries of `lines`, and how many are left out. */
function shortened(lines: readonly string[], what: string): string[] {
  if (lines.length <= MOST_SHOWN + 1) return [...lines];
  return [...lines.slice(0, MOST_SHOWN), `  … and ${lines.length - MOST_SHOWN} more ${what} (--json has all)`];
}

export function renderFrame(frame: FrameExplanation, style: TerminalStyle): string[] {
  const { bank, device, owner, reservedBy, page, block, history, mappedAt } = frame;
  const lines = [bold(style, `frame ${hex(frame.frame)}`)];
  if (bank === null) {
    lines.push(
      entry(
        'RAM',
        device === null ? 'none, and no device: an access is an external abort' : `none: ${device} answers there`,
      ),
    );
  } else {
    const node = bank.node ?? 'no memory node of the device tree';
    lines.push(entry('bank', `${span(bank.start, bank.end)}  ${size(bytesIn(bank))}, ${node}`));
    lines.push(
      entry('touched', frame.touched ? 'yes: host memory stands behind it' : 'no: nothing near it was read or written'),
    );
  }
  if (owner !== null) lines.push(entry('owner', ownerText(owner)));
  for (const range of reservedBy) {
    lines.push(
      entry(
        'reserved',
        `${span(range.start, range.end)}  ${range.owner}${range.noMap ? ', no-map' : ''}${range.dynamic ? ', placed by the kernel' : ''}`,
      ),
    );
  }
  if (bank !== null) {
    if (page !== null) {
      lines.push(entry('struct Page', `at ${hex(page.virtual)} (physical ${hex(page.physical)})`));
      lines.push(
        entry(
          '',
          `flags ${page.flags}, order ${page.order}, refcount ${page.refcount}, next ${showLink(page.next)}, prev ${showLink(page.prev)}`,
        ),
      );
    }
    lines.push(entry('block', block.known ? blockText(block) : `not known: ${block.reason}`));
  }
  if (bank !== null || device !== null) lines.push(...mappings(mappedAt));
  if (bank !== null) lines.push(...historyLines(history));
  return lines;
}

function ownerText({ start, end, owner, detail }: OwnedRange): string {
  return `${owner}${detail === '' ? '' : `: ${detail}`}, ${span(start, end)} (${size(end - start)})`;
}

function blockText({ text, start, end, kind }: { text: string; start: number; end: number; kind: string }): string {
  return kind === 'free' || kind === 'allocated' ? `${text}, ${span(start, end)} (${size(end - start)})` : text;
}

function mappings(aliases: readonly Alias[]): string[] {
  if (aliases.length === 0) return [entry('mapped at', 'no address of the live tables')];
  const lines = aliases.map(({ va, register, permissions }, index) =>
    entry(index === 0 ? 'mapped at' : '', `${hex(va, 16)}  ${showPermissions(permissions)}  (${register})`),
  );
  return shortened(lines, 'addresses');
}

function historyLines(history: readonly BlockEvent[] | null): string[] {
  if (history === null) return [entry('history', 'not known: the buddy allocator was not traced, or is not ours')];
  if (history.length === 0) return [entry('history', 'the buddy allocator never moved a block that holds it')];
  const lines = history.map(
    ({ t, op, order, start, end, owner }) =>
      `    ${showTime(t).padStart(9)}  ${op.padEnd(6)} ${`order ${order}`.padEnd(9)} ${span(start, end)}${owner === null ? '' : `  ${owner}`}`,
  );
  // The last entries explain the present state.
  const left = lines.length - MOST_SHOWN;
  return [
    entry('history', `${count(history.length, 'operation')} on blocks that hold it`),
    ...(left > 1 ? [`    … ${left} earlier ones (--json has all)`, ...lines.slice(-MOST_SHOWN)] : lines),
  ];
}

export function renderAddress(address: AddressExplanation, style: TerminalStyle): string[] {
  const { va, register, walk, pa, fault, accesses, aliases } = address;
  const lines = [bold(style, `virtual address ${hex(va, 16)}, ${register}${address.mmuOn ? '' : ', MMU off'}`)];
  for (const { level, table, index, descriptor, kind, fields } of walk) {
    lines.push(`  level ${level}  ${hex(table)}[${index}] = ${hex(descriptor, 16)}: ${kind}`);
    for (const {
      name,
      bits: [high, low],
      value,
      meaning,
    } of fields) {
      // A restriction that does not restrict is no news.
      if (kind === 'table' && value === 0) continue;
      if (name === 'V' || name === 'T') continue;
      lines.push(
        `             ${`${name} ${high === low ? `${low}` : `${high}:${low}`}`.padEnd(18)} ${String(value).padEnd(3)} ${meaning}`,
      );
    }
  }
  if (pa !== null) {
    const what = address.target ?? 'nothing answers there';
    lines.push(
      `  result   physical ${hex(pa)}: ${what}${address.mmuOn ? `, in a ${size(address.bytes)} ${address.bytes === 4096 ? 'page' : 'mapping'}` : ''}`,
    );
    const { instruction } = address;
    if (instruction !== null) lines.push(`  code     ${instruction.word}  ${instruction.text}`);
  } else if (fault !== null) {
    lines.push(
      `  result   ${fault.kind} fault, level ${fault.level} (fault status code ${hex(fault.fsc, 2)}): ${fault.reason}`,
    );
  }
  lines.push('', '  access        outcome');
  for (const { level, access, fault: refused, esr } of accesses) {
    const outcome =
      refused === null || esr === null
        ? 'allowed'
        : `${refused.kind} fault, level ${refused.level}: ESR_EL1 ${hex(esr, 8)} (FSC ${hex(refused.fsc, 2)})${fault === null ? `; ${refused.reason}` : ''}`;
    lines.push(`  EL${level} ${access.padEnd(9)} ${outcome}`);
  }
  if (pa !== null) {
    lines.push(
      '',
      aliases.length === 0
        ? '  no other address of the live tables leads to that byte'
        : '  other addresses of that byte:',
    );
    lines.push(
      ...shortened(
        aliases.map(
          ({ va: other, register: base, permissions }) =>
            `    ${hex(other, 16)}  ${showPermissions(permissions)}  (${base})`,
        ),
        'addresses',
      ),
    );
  }
  return lines;
}

export function renderMemory(memory: MemoryExplanation, style: TerminalStyle): string[] {
  const { banks, holes, ranges, totals, touched, reservedOutside, devices } = memory;
  const touchedBytes = touched.reduce((sum, range) => sum + bytesIn(range), 0);
  const spans = touched.map((range) => span(range.start, range.end));
  return [
    ...banks.map((bank) => `RAM    ${span(bank.start, bank.end)}  ${size(bytesIn(bank))}`),
    ...holes.map((hole) => `hole   ${span(hole.start, hole.end)}  ${size(bytesIn(hole))}`),
    '',
    ...drawBlockMap(banks, ranges, style),
    '',
    ...totals.map(
      ({ kind, bytes, ranges: n }) => `  ${kind.padEnd(15)} ${size(bytes).padStart(12)}  in ${count(n, 'range')}`,
    ),
    `  touched         ${size(touchedBytes).padStart(12)}  ${spans.slice(0, 4).join(' ')}${spans.length > 4 ? ' …' : ''}`,
    '',
    ...rangeLines(ranges),
    ...reservedOutside.map(
      (range) =>
        `${span(range.start, range.end)}  ${size(bytesIn(range)).padStart(12)}  ${range.owner} (reserved, but not RAM)`,
    ),
    '',
    ...shortened(
      devices.map(({ start, end, name }) => `${span(start, end)}  ${size(end - start).padStart(12)}  ${name}`),
      'devices',
    ),
  ];
}

/** A line for each range; free blocks that follow each other are one. */
function rangeLines(ranges: readonly OwnedRange[]): string[] {
  const lines: string[] = [];
  for (let i = 0; i < ranges.length; ) {
    const first = ranges[i] as OwnedRange;
    let end = i + 1;
    while (first.kind === 'free' && ranges[end]?.kind === 'free' && ranges[end]?.start === ranges[end - 1]?.end) end++;
    const run = ranges.slice(i, end);
    const last = run.at(-1) as OwnedRange;
    const orders = run.map(({ order }) => order ?? 0);
    const text =
      first.kind === 'free'
        ? `free: ${count(run.length, 'block')}, order ${Math.min(...orders)}${run.length > 1 ? ` to ${Math.max(...orders)}` : ''}`
        : `${first.owner}${first.detail === '' ? '' : `: ${first.detail}`}`;
    lines.push(`${span(first.start, last.end)}  ${size(last.end - first.start).padStart(12)}  ${text}`);
    i = end;
  }
  return shortenedRanges(lines);
}

/** A long map without its middle. */
function shortenedRanges(lines: readonly string[]): string[] {
  const most = 4 * MOST_SHOWN;
  if (lines.length <= most + 1) return [...lines];
  return [...lines.slice(0, most / 2), `  … ${lines.length - most} more (--json has all)`, ...lines.slice(-most / 2)];
}

export function renderTables(tables: TablesExplanation, style: TerminalStyle): string[] {
  const lines = tables.mmuOn ? [] : ['The MMU is off: every virtual address is the physical address.'];
  for (const tree of tables.trees) lines.push(...treeLines(tree, style), '');
  const unsafe = tables.writableAndExecutable;
  lines.push(
    unsafe.length === 0
      ? 'Nothing is both writable and executable.'
      : `${count(unsafe.length, 'range')} both writable and executable:`,
  );
  lines.push(...shortened(unsafe.map(rangeLine), 'ranges'));
  const twice = tables.mappedTwice;
  lines.push(
    twice.length === 0 ? 'No frame is mapped twice.' : `${count(twice.length, 'physical range')} mapped twice:`,
  );
  lines.push(
    ...shortened(
      twice.map(
        ({ start, end, virtual: [a, b], writableAndExecutable }) =>
          `  ${span(start, end)}  at ${hex(a, 16)} and ${hex(b, 16)}${writableAndExecutable ? '  writable here, executable there' : ''}`,
      ),
      'ranges',
    ),
  );
  return lines;
}

function treeLines(tree: TreeExplanation, style: TerminalStyle): string[] {
  const title = bold(style, `${tree.register}: `);
  if (!tree.walked) return [`${title}walks are off`];
  const levels = tree.tables.flatMap((n, level) => (n === 0 ? [] : [`${n} of level ${level}`]));
  return [
    `${title}root ${hex(tree.root)}, ${tree.inputBits}-bit addresses, granule ${size(tree.granuleBytes)}, tables: ${levels.join(', ')}`,
    ...shortened(tree.ranges.map(rangeLine), 'ranges'),
    ...tree.unreadable.map((address) => `  table at ${hex(address)}: no memory answers there`),
    ...(tree.truncated ? ['  the walk was given up: the tables run in a circle, or are too many'] : []),
  ];
}

function rangeLine(range: TableRangeExplained): string {
  const { vaStart, vaEnd, paStart, bytes, leaves, permissions, memory, target, global, accessed } = range;
  const sizes = leaves.flatMap((n, level) => (n === 0 ? [] : [`${n} x level ${level}`])).join(' + ');
  const notes = [
    global ? '' : 'not global',
    accessed ? '' : 'access flag clear',
    target === 'RAM' ? '' : (target ?? 'nothing answers'),
  ];
  return `  ${hex(vaStart, 16)}..${hex(vaEnd, 16)} -> ${hex(paStart)}  ${size(bytes).padStart(9)}  ${showPermissions(permissions)}  ${memory}  ${sizes}${notes
    .filter((note) => note !== '')
    .map((note) => `, ${note}`)
    .join('')}`;
}
