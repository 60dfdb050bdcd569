// SPDX-License-Identifier: GPL-2.0-only
/**
 * Colours of the pages. Owners have those of Okabe and Ito ("Color Universal Design", 2008), which
 * people with any kind of colour vision tell apart; orders go from dark to light along the ramp of
 * viridis (Smith, van der Walt: matplotlib 1.5), which has no grey in it: grey is what is taken.
 */

import { MAX_ORDER } from '#workbench/report/memory-state.ts';
import type { OwnerClass } from '#workbench/report/page-data.ts';

/** The paint of a class; `hatched` adds stripes, so that greys differ by more than their shade. */
export interface Paint {
  readonly light: string;
  readonly dark: string;
  readonly hatched?: true;
}

export const CLASS_PAINTS: Readonly<Record<OwnerClass, Paint>> = {
  free: { light: '#d5e1ea', dark: '#2c3a47' },
  unclaimed: { light: '#f1f1ef', dark: '#191b1e', hatched: true },
  kernel: { light: '#d55e00', dark: '#e8762b' },
  mem_map: { light: '#0072b2', dark: '#2b8fcc' },
  heap: { light: '#009e73', dark: '#0fb088' },
  tables: { light: '#e69f00', dark: '#f0ad20' },
  slab: { light: '#d8c800', dark: '#f0e442' },
  user: { light: '#cc79a7', dark: '#d88fb8' },
  'boot data': { light: '#56b4e9', dark: '#6fc3f2' },
  firmware: { light: '#8b8b8b', dark: '#7d8086', hatched: true },
  reserved: { light: '#8f7f6b', dark: '#a89a86' },
  touched: { light: '#7aa6a1', dark: '#4f8b85' },
  other: { light: '#4a4a4a', dark: '#d0d0d0' },
};

/** Names of the classes, for people. */
const CLASS_NAMES: Readonly<Record<OwnerClass, string>> = {
  free: 'free',
  unclaimed: 'not claimed yet',
  kernel: 'kernel',
  mem_map: 'mem_map',
  heap: 'kernel heap',
  tables: 'page tables',
  slab: 'slab caches',
  user: 'processes',
  'boot data': 'device tree, initramfs',
  firmware: 'firmware (no-map)',
  reserved: 'reserved by the tree',
  touched: 'touched by the guest',
  other: 'other',
};

/** The name of a class on this page. Claims of a guest that is not ours are not known. */
export const classLabel = (ownerClass: OwnerClass): string =>
  ownerClass === 'unclaimed' && document.body.classList.contains('foreign') ? 'not touched' : CLASS_NAMES[ownerClass];

const VIRIDIS = [
  '#440154',
  '#482878',
  '#3e4a89',
  '#31688e',
  '#26828e',
  '#1f9e89',
  '#35b779',
  '#6dcd59',
  '#b4de2c',
  '#fde725',
];

/** Colour of a free block of `order`. */
export function orderColour(order: number): string {
  const at = (order / MAX_ORDER) * (VIRIDIS.length - 1);
  const from = Math.min(Math.floor(at), VIRIDIS.length - 2);
  return mix(VIRIDIS[from] as string, VIRIDIS[from + 1] as string, at - from);
}

function mix(a: string, b: string, share: number): string {
  const channel = (at: number): number => {
    const [x, y] = [a, b].map((colour) => Number.parseInt(colour.slice(at, at + 2), 16)) as [number, number];
    return Math.round(x + (y - x) * share);
  };
  return `rgb(${channel(1)} ${channel(3)} ${channel(5)})`;
}

/**
 * The current colours, read once for each drawing: to ask the page for each shape would take longer
 * than to paint it.
 */
export interface Theme {
  readonly classes: Readonly<Record<OwnerClass, string>>;
  readonly text: string;
  readonly muted: string;
  readonly line: string;
  readonly accent: string;
  readonly accentText: string;
  /** Memory that is not free, where colours mean orders. */
  readonly taken: string;
  readonly hatch: string;
}

/** The reader's scheme, light or dark. */
export function readTheme(): Theme {
  const dark = window.matchMedia('(prefers-color-scheme: dark)').matches;
  const style = getComputedStyle(document.documentElement);
  const property = (name: string): string => style.getPropertyValue(name).trim();
  const classes = Object.fromEntries(
    Object.entries(CLASS_PAINTS).map(([name, paint]) => [name, dark ? paint.dark : paint.light]),
  ) as Record<OwnerClass, string>;
  return {
    classes,
    text: property('--text'),
    muted: property('--muted'),
    line: property('--line'),
    accent: property('--accent'),
    accentText: property('--accent-text'),
    taken: property('--taken'),
    hatch: property('--hatch'),
  };
}
