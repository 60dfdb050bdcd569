// SPDX-License-Identifier: GPL-2.0-only
/**
 * Device tree source to a blob: the same bytes as dtc's, for this part of the language.
 *
 *     /dts-v1/;                              labels, also several           "text", <1 0x2 (3 + 4) 'c' &label>
 *     /memreserve/ 0x40000000 0x1000;        node@1f { … };                 [00 ff 1234], /bits/ 8|16|32|64 <…>
 *     / { … };  &label { … };  &{/path} { … };                              &label and &{/path} as text
 *     /delete-node/ name;  /delete-property/ name;  /delete-node/ &label;   comments of C and C++
 *
 * A repeated property replaces the earlier one, and a repeated node is merged into the earlier one,
 * as in dtc. Not here: /include/, the preprocessor's lines, /plugin/, /incbin/, /omit-if-no-ref/;
 * each is refused by name. A phandle is given to each node that something refers to, from 1 on.
 *
 * Specification: Devicetree Specification v0.4, 6.
 */

import { concatBytes } from '#common/bytes.ts';
import { encodeUtf8 } from '#common/utf8.ts';
import type { FdtNode, FdtTree } from '#fdt/tree.ts';
import { writeFdt } from '#fdt/writer.ts';
import { integer } from './expression.ts';
import { type DtsError, Tokens } from './tokens.ts';

export { DtsError } from './tokens.ts';

/** Place in a property's value for a node's phandle or path. */
interface Reference {
  readonly target: string;
  readonly kind: 'phandle' | 'path';
  /** Index into `parts`. */
  readonly part: number;
  readonly at: number;
}

interface Property {
  readonly name: string;
  readonly at: number;
  readonly parts: Uint8Array[];
  readonly references: readonly Reference[];
}

interface Node {
  readonly name: string;
  readonly labels: string[];
  properties: Property[];
  children: Node[];
}

/** Deepest nesting: deeper than any board, and shallower than the stack. */
const MOST_DEPTH = 200;

/** Compiles a source to a blob. O(length · depth). @throws DtsError with line and column */
export function compileDts(source: string): Uint8Array {
  return new Compiler(source).blob();
}

class Compiler {
  private readonly tokens: Tokens;
  private readonly reservations: { address: bigint; size: bigint }[] = [];
  private readonly root: Node = { name: '', labels: [], properties: [], children: [] };
  private hasRoot = false;

  constructor(source: string) {
    this.tokens = new Tokens(source);
  }

  blob(): Uint8Array {
    this.parse();
    this.resolve();
    const plain = ({ name, properties, children }: Node): FdtNode => ({
      name,
      properties: properties.map((property) => ({ name: property.name, value: concatBytes(property.parts) })),
      children: children.map(plain),
    });
    const tree: FdtTree = { reservations: this.reservations, bootCpuid: bootCpu(this.root), root: plain(this.root) };
    return writeFdt(tree);
  }

  private parse(): void {
    const { tokens } = this;
    if (!tokens.accept('/dts-v1/')) throw tokens.error(`a source begins with "/dts-v1/;", found ${tokens.found()}`);
    tokens.expect(';', 'after /dts-v1/');
    while (!tokens.isAtEnd) this.topLevel();
    if (!this.hasRoot) throw tokens.error('there is no root node: "/ { … };"');
  }

  private topLevel(): void {
    const { tokens } = this;
    const at = tokens.place;
    const labels = this.labels();
    const directive = tokens.directive();
    if (directive === '/memreserve/') {
      const [address, size] = [integer(tokens), integer(tokens)];
      if (address === null || size === null || size === 0n) {
        throw tokens.error('/memreserve/ is followed by an address and a size that is not 0', at);
      }
      this.reservations.push({ address, size });
      tokens.expect(';', 'after /memreserve/');
      return;
    }
    if (directive === '/delete-node/') {
      this.deleteNode(this.nodeOf(this.wantedReference(), at));
      tokens.expect(';', 'after /delete-node/');
      return;
    }
    if (directive !== null) throw this.refused(directive, at);
    if (tokens.accept('/')) {
      this.hasRoot = true;
      this.root.labels.push(...labels);
      this.body(this.root, 0);
      return;
    }
    const target = this.wantedReference();
    const node = this.nodeOf(target, at);
    node.labels.push(...labels);
    this.body(node, 0);
  }

  private wantedReference(): string {
    const reference = this.tokens.reference();
    if (reference !== null) return reference;
    throw this.tokens.error(`expected "/", a label as "&label", or a path as "&{/path}", found ${this.tokens.found()}`);
  }

  /** Parses `{ … };` into `node`. */
  private body(node: Node, depth: number): void {
    const { tokens } = this;
    if (depth > MOST_DEPTH) throw tokens.error(`more than ${MOST_DEPTH} nodes inside each other`);
    tokens.expect('{', `to begin ${node.name === '' ? 'the root node' : node.name}`);
    const own = new Set<string>();
    let hasChildren = false;
    while (!tokens.accept('}')) {
      const at = tokens.place;
      const labels = this.labels();
      const directive = tokens.directive();
      if (directive === '/delete-property/' || directive === '/delete-node/') {
        const name = this.wantedName();
        if (directive === '/delete-property/') node.properties = node.properties.filter((one) => one.name !== name);
        else node.children = node.children.filter((one) => one.name !== name);
        tokens.expect(';', `after ${directive} ${name}`);
        continue;
      }
      if (directive !== null) throw this.refused(directive, at);
      const name = this.wantedName();
      if (own.has(name)) throw tokens.error(`"${name}" stands twice in this node`, at);
      own.add(name);
      if (tokens.found().startsWith('"{')) {
        hasChildren = true;
        this.child(node, name, labels, depth);
      } else {
        if (hasChildren) throw tokens.error(`property "${name}" comes after a node: properties come first`, at);
        setProperty(node, this.property(name, at));
      }
    }
    tokens.expect(';', 'after "}"');
  }

  private child(node: Node, name: string, labels: readonly string[], depth: number): void {
    let child = node.children.find((one) => one.name === name);
    if (child === undefined) {
      child = { name, labels: [], properties: [], children: [] };
      node.children.push(child);
    }
    child.labels.push(...labels);
    this.body(child, depth + 1);
  }

  private wantedName(): string {
    const name = this.tokens.name();
    if (name === null) throw this.tokens.error(`expected a property, a node or "}", found ${this.tokens.found()}`);
    return name;
  }

  private labels(): string[] {
    const labels: string[] = [];
    for (let label = this.tokens.label(); label !== null; label = this.tokens.label()) labels.push(label);
    return labels;
  }

  /** Parses a property, from after its name to its ";". */
  private property(name: string, at: number): Property {
    const { tokens } = this;
    const parts: Uint8Array[] = [];
    const references: Reference[] = [];
    if (!tokens.accept('=')) {
      tokens.expect(';', `or "=" after "${name}"`);
      return { name, at, parts, references };
    }
    do {
      this.labels();
      this.value(name, parts, references);
      this.labels();
    } while (tokens.accept(','));
    tokens.expect(';', `after the value of "${name}"`);
    return { name, at, parts, references };
  }

  private value(name: string, parts: Uint8Array[], references: Reference[]): void {
    const { tokens } = this;
    const at = tokens.place;
    const text = tokens.string();
    if (text !== null) {
      parts.push(encodeUtf8(`${text}\0`));
      return;
    }
    const target = tokens.reference();
    if (target !== null) {
      references.push({ target, kind: 'path', part: parts.push(new Uint8Array()) - 1, at });
      return;
    }
    if (tokens.accept('[')) {
      const bytes: number[] = [];
      while (!tokens.accept(']')) {
        this.labels();
        const byte = tokens.byte();
        if (byte === null) throw tokens.error(`expected two hexadecimal digits or "]", found ${tokens.found()}`);
        bytes.push(byte);
      }
      parts.push(Uint8Array.from(bytes));
      return;
    }
    const directive = tokens.directive();
    if (directive !== null && directive !== '/bits/') throw this.refused(directive, at);
    const bits = directive === null ? 32n : integer(tokens);
    if (bits !== 8n && bits !== 16n && bits !== 32n && bits !== 64n) {
      throw tokens.error('/bits/ is followed by 8, 16, 32 or 64', at);
    }
    if (!tokens.accept('<')) {
      throw tokens.error(`expected a value of "${name}": "text", <cells>, [bytes] or &label, found ${tokens.found()}`);
    }
    this.elements(Number(bits), parts, references);
  }

  /** Parses numbers of `bits` bits and phandles, up to the ">". */
  private elements(bits: number, parts: Uint8Array[], references: Reference[]): void {
    const { tokens } = this;
    while (!tokens.accept('>')) {
      if (this.labels().length > 0) continue;
      const at = tokens.place;
      const target = tokens.reference();
      if (target !== null) {
        if (bits !== 32) throw tokens.error('a phandle has 32 bits', at);
        references.push({ target, kind: 'phandle', part: parts.push(new Uint8Array(4)) - 1, at });
        continue;
      }
      const value = integer(tokens);
      if (value === null) throw tokens.error(`expected a number, &label or ">", found ${tokens.found()}`);
      // Accepted as an unsigned number, or as a negative one.
      if (value >> BigInt(bits) !== 0n && BigInt.asUintN(64, BigInt.asIntN(bits, value)) !== value) {
        throw tokens.error(`0x${value.toString(16)} does not fit ${bits} bits`, at);
      }
      const bytes = new Uint8Array(8);
      new DataView(bytes.buffer).setBigUint64(0, value);
      parts.push(bytes.slice(8 - bits / 8));
    }
  }

  /**
   * Fills phandles and paths into the values, in the order of the tree, in which dtc assigns them.
   */
  private resolve(): void {
    const seen = new Set<string>();
    const taken = new Set<number>();
    const all = [...walk(this.root)];
    for (const node of all) {
      for (const label of new Set(node.labels)) {
        if (seen.has(label)) throw this.tokens.error(`two nodes have the label "${label}"`, 0);
        seen.add(label);
      }
      const phandle = phandleOf(node);
      if (phandle !== null) taken.add(phandle);
    }
    for (const kind of ['phandle', 'path'] as const) {
      for (const node of all) {
        for (const { parts, references } of node.properties) {
          for (const reference of references) {
            if (reference.kind !== kind) continue;
            const target = this.nodeOf(reference.target, reference.at);
            parts[reference.part] =
              kind === 'path' ? encodeUtf8(`${pathOf(this.root, target)}\0`) : cell(givePhandle(target, taken));
          }
        }
      }
    }
  }

  /** Node of a label or a path. @throws DtsError */
  private nodeOf(target: string, at: number): Node {
    const found = target.startsWith('/')
      ? target
          .split('/')
          .filter((name) => name !== '')
          .reduce<Node | undefined>((node, name) => node?.children.find((one) => one.name === name), this.root)
      : [...walk(this.root)].find(({ labels }) => labels.includes(target));
    if (found !== undefined) return found;
    throw this.tokens.error(
      target.startsWith('/') ? `there is no node ${target}` : `no node before has the label "${target}"`,
      at,
    );
  }

  private deleteNode(node: Node): void {
    for (const parent of walk(this.root)) parent.children = parent.children.filter((one) => one !== node);
  }

  private refused(directive: string, at: number): DtsError {
    return this.tokens.error(`${directive} is not in the part of the language that this compiler reads`, at);
  }
}

function* walk(node: Node): Generator<Node> {
  yield node;
  for (const child of node.children) yield* walk(child);
}

function setProperty(node: Node, property: Property): void {
  const index = node.properties.findIndex(({ name }) => name === property.name);
  if (index < 0) node.properties.push(property);
  else node.properties[index] = property;
}

function pathOf(root: Node, target: Node): string {
  const find = (node: Node, path: string): string | null => {
    if (node === target) return path === '' ? '/' : path;
    for (const child of node.children) {
      const found = find(child, `${path}/${child.name}`);
      if (found !== null) return found;
    }
    return null;
  };
  return find(root, '') ?? '/';
}

const cell = (value: number): Uint8Array => {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
};

const cellOf = (bytes: Uint8Array): number | null =>
  bytes.length === 4 ? new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0) : null;

function phandleOf({ properties }: Node): number | null {
  const found = properties.find(({ name }) => name === 'phandle' || name === 'linux,phandle');
  return found === undefined ? null : cellOf(concatBytes(found.parts));
}

function givePhandle(node: Node, taken: Set<number>): number {
  const has = phandleOf(node);
  if (has !== null) return has;
  let phandle = 1;
  while (taken.has(phandle)) phandle++;
  taken.add(phandle);
  node.properties.push({ name: 'phandle', at: 0, parts: [cell(phandle)], references: [] });
  return phandle;
}

/** Number of the boot CPU: the first one, by dtc's rule. */
function bootCpu(root: Node): number {
  const cpu = root.children.find(({ name }) => name === 'cpus')?.children[0];
  const reg = cpu?.properties.find(({ name }) => name === 'reg');
  return reg === undefined ? 0 : (cellOf(concatBytes(reg.parts)) ?? 0);
}
