// SPDX-License-Identifier: GPL-2.0-only
/** The output of `--stats`: how the own core spent its instructions and its time. */

import { showCount } from '#common/quantities.ts';
import type { LevitateMachine } from '#workbench/machine/levitate-machine.ts';

export function engineStatistics({ statistics }: LevitateMachine): string {
  if (statistics === null) return '--stats: Unicorn does not tell; --engine wasm does\n';
  const { executed, interpreted, translations, times } = statistics();
  const share = (part: number, of: number): string => `${((100 * part) / Math.max(of, 1)).toFixed(1)} %`;
  const translated = executed - interpreted;
  const lines = [
    `${showCount(interpreted)} instructions interpreted (${share(interpreted, executed)}), ` +
      `${showCount(translated)} translated (${share(translated, executed)})`,
    `${showCount(translations.regions)} regions of ${showCount(translations.instructions)} instructions made ` +
      `in ${showCount(translations.modules)} modules, ${showCount(translations.dropped)} dropped`,
  ];
  if (times !== null) {
    const { running, compiling, outside } = times;
    const ms = (time: number): string => `${Math.round(time)} ms (${share(time, running)})`;
    lines.push(
      `${Math.round(running)} ms running: ${ms(running - compiling - outside)} in WebAssembly, ` +
        `${ms(compiling)} compiling, ${ms(outside)} outside`,
    );
  }
  return lines.map((line) => `${line}\n`).join('');
}
