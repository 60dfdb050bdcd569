// SPDX-License-Identifier: GPL-2.0-only
/**
 * Messages between the site's page and its worker. The worker has the machine. Its messages replace
 * the updates and answers of the live view's server.
 */

import type { LiveAnswer, LiveCommand, LiveUpdate } from '#workbench/web/protocol.ts';

/** Options of the command line that the page offers, with the typed texts. */
export const SITE_OPTIONS = [
  'board',
  'memory',
  'smp',
  'gicVersion',
  'append',
  'seed',
  'trace',
  'fixups',
  'failAlloc',
  'oomAt',
  'poisonFreed',
  'flipBit',
] as const;
export type SiteOption = (typeof SITE_OPTIONS)[number];

/** Files that a machine can be given. */
export const SITE_FILES = ['dtb', 'kernel', 'initrd', 'bios', 'vendorBoot'] as const;
export type SiteFile = (typeof SITE_FILES)[number];

/** A machine that is wanted. */
export interface SiteRequest {
  readonly options: Readonly<Partial<Record<SiteOption, string>>>;
  readonly files: Readonly<Partial<Record<SiteFile, Blob>>>;
  /** Source of a device tree, instead of the file. */
  readonly dts: string | null;
}

/** Files that the worker makes. */
export type SiteProduct = 'log' | 'serial' | 'report' | 'snapshot' | 'dtb' | 'dts';

export type ToWorker =
  | { readonly kind: 'boot'; readonly request: SiteRequest; readonly paused: boolean }
  | { readonly kind: 'restore'; readonly snapshot: Uint8Array }
  | { readonly kind: 'command'; readonly command: LiveCommand }
  | { readonly kind: 'type'; readonly text: string }
  | { readonly kind: 'ask'; readonly id: number; readonly question: string }
  | { readonly kind: 'make'; readonly id: number; readonly product: SiteProduct; readonly request: SiteRequest };

export type FromWorker =
  | { readonly kind: 'ready'; readonly boards: readonly { readonly name: string; readonly title: string }[] }
  | { readonly kind: 'update'; readonly update: LiveUpdate }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: LiveAnswer }
  | { readonly kind: 'made'; readonly id: number; readonly name: string; readonly bytes: Uint8Array }
  /** The question or file of `id` has no answer. */
  | { readonly kind: 'refused'; readonly id: number; readonly why: string }
  /** Nothing runs: the requested machine cannot be made, or the emulator has a fault. */
  | { readonly kind: 'failed'; readonly why: string; readonly isFault: boolean };
