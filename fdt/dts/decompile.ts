// SPDX-License-Identifier: GPL-2.0-only
/**
 * Turns a blob into source from which {@link compileDts} makes the same tree. The type of a value
 * is guessed from its bytes: text, cells, or bytes.
 */

import { decodeUtf8 } from '#common/utf8.ts';
import type { Fdt } from '#fdt/fdt.ts';
import { type FdtNode, readTree } from '#fdt/tree.ts';

/** Decompiles a blob. O(blob). @throws FdtError as readTree */
export function decompileDts(fdt: Fdt): string {
  const { reservations, root } = readTree(fdt);
  const lines = ['/dts-v1/;', ''];
  for (const { address, size } of reservations) {
    lines.push(`/memreserve/ 0x${address.toString(16)} 0x${size.toString(16)};`);
  }
  addNode(lines, root, '');
  return `${lines.join('\n')}\n`;
}

function addNode(lines: string[], { name, properties, children }: FdtNode, indent: string): void {
  lines.push(`${indent}${name === '' ? '/' : name} {`);
  const inner = `${indent}\t`;
  for (const property of properties) {
    const { value } = property;
    lines.push(`${inner}${property.name}${value.length === 0 ? '' : ` = ${valueText(value)}`};`);
  }
  for (const child of children) addNode(lines, child, inner);
  lines.push(`${indent}};`);
}

function valueText(value: Uint8Array): string {
  if (isText(value)) {
    const texts = decodeUtf8(value).slice(0, -1).split('\0');
    return texts.map((text) => `"${text.replace(/[\\"]/g, '\\$&')}"`).join(', ');
  }
  if (value.length % 4 !== 0) return `[${[...value].map((byte) => byte.toString(16).padStart(2, '0')).join(' ')}]`;
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  const cells = Array.from({ length: value.length / 4 }, (_, i) => `0x${view.getUint32(4 * i).toString(16)}`);
  return `<${cells.join(' ')}>`;
}

/** True for printable, nonempty strings that end with a NUL. */
function isText(value: Uint8Array): boolean {
  let length = 0;
  for (const byte of value) {
    if (byte === 0 ? length === 0 : byte < 0x20 || byte > 0x7e) return false;
    length = byte === 0 ? 0 : length + 1;
  }
  return length === 0;
}
