// SPDX-License-Identifier: GPL-2.0-only
/** The table of a bench, a line at a time: results appear as they are measured. */

import type { Line, Unit } from './measurement.ts';

const WHAT_WIDTH = 62;
const NUMBER_WIDTH = 12;

export function tableHead(): string {
  return row('', ['measured', '+-', 'bar', 'limit', 'ratio'], '');
}

export function tableLine({ section, what, unit, median, noise, bar, limit, ratio, verdict }: Line): string {
  const cells =
    unit === null
      ? ['', '', '', '', '']
      : [
          quantity(median, unit),
          quantity(noise, unit),
          quantity(bar, unit),
          quantity(limit, unit),
          ratio === null ? '' : significant(ratio),
        ];
  return row(`${section}: ${what}`, cells, verdict === 'no bar' ? '' : verdict);
}

function row(what: string, cells: readonly string[], verdict: string): string {
  return `${what.padEnd(WHAT_WIDTH)}${cells.map((cell) => cell.padStart(NUMBER_WIDTH)).join('')}  ${verdict}`.trimEnd();
}

function quantity(value: number | null, unit: Unit): string {
  return value === null ? '' : `${significant(value)} ${unit}`;
}

/** Three significant digits, never an exponent. */
function significant(value: number): string {
  return String(Math.abs(value) >= 1000 ? Math.round(value) : Number(value.toPrecision(3)));
}
