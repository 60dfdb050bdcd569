// SPDX-License-Identifier: GPL-2.0-only
/**
 * A machine in the fragment of a link: its options by their names, and a device tree, deflated.
 *
 *     #board=pixel6&memory=2G&dtb=BASE64URL          what is behind "#" is sent to no server
 */

import { SITE_OPTIONS, type SiteRequest } from '#workbench/site/protocol.ts';

/** Longest link with a tree, in characters: some programs cut longer ones. */
const LONGEST_LINK = 32_000;

/** The fragment, and the parts that could not be put into it. */
export interface SharedMachine {
  readonly fragment: string;
  readonly left: readonly string[];
}

export async function fragmentOf({ options, files, dts }: SiteRequest): Promise<SharedMachine> {
  const parts = new URLSearchParams();
  for (const name of SITE_OPTIONS) {
    const value = options[name];
    if (value !== undefined && value !== '') parts.set(name, value);
  }
  const left = Object.keys(files).filter((name) => name !== 'dtb' || dts !== null);
  const tree = dts === null ? files.dtb : new Blob([dts]);
  if (tree !== undefined) {
    const deflated = await through(tree, new CompressionStream('deflate-raw'));
    const packed = base64Url(new Uint8Array(await deflated.arrayBuffer()));
    if (packed.length > LONGEST_LINK) left.push('the device tree, which is too long for a link');
    else parts.set(dts === null ? 'dtb' : 'dts', packed);
  }
  return { fragment: `#${parts.toString()}`, left };
}

/** Null when the fragment does not describe a machine. @throws TypeError for a damaged tree */
export async function requestOf(fragment: string): Promise<SiteRequest | null> {
  const parts = new URLSearchParams(fragment.replace(/^#/, ''));
  if (parts.get('board') === null) return null;
  const options: Partial<Record<(typeof SITE_OPTIONS)[number], string>> = {};
  for (const name of SITE_OPTIONS) {
    const value = parts.get(name);
    if (value !== null) options[name] = value;
  }
  const unpacked = async (name: string): Promise<Blob | null> => {
    const packed = parts.get(name);
    return packed === null ? null : through(new Blob([fromBase64Url(packed)]), new DecompressionStream('deflate-raw'));
  };
  const [dtb, dts] = [await unpacked('dtb'), await unpacked('dts')];
  return { options, files: dtb === null ? {} : { dtb }, dts: dts === null ? null : await dts.text() };
}

const through = (contents: Blob, stream: CompressionStream | DecompressionStream): Promise<Blob> =>
  new Response(contents.stream().pipeThrough(stream)).blob();

const base64Url = (bytes: Uint8Array): string =>
  btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '');

function fromBase64Url(text: string): Uint8Array<ArrayBuffer> {
  const plain = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(plain, (character) => character.charCodeAt(0));
}
