/**
 * What may vary between a log and its golden log.
 *
 * | mask | means |
 * |---|---|
 * | `KIND` | events of this kind do not count at all |
 * | `KIND.FIELD` | any value of this field is right; `t` and `core` are fields too |
 * | `KIND.FIELD~REGEX` | what the regular expression matches in this field's text may be anything |
 *
 * `*` stands for every kind: `*.t` lets all times vary. Masked values are written as `*` into a
 * golden log, so that it changes only when something that counts does.
 */

import type { EventRecord } from './event-lines.ts';
import { InputError } from '#workbench/machine/input-error.ts';

/** Replaces what may vary; null for an event that does not count. */
export type Masker = (event: EventRecord) => EventRecord | null;

interface Mask {
  readonly kind: string;
  /** Null: the whole event. */
  readonly field: string | null;
  /** Null: the whole value. */
  readonly pattern: RegExp | null;
}

const MASKED = '*';

/**
 * @throws InputError for a mask that cannot be read: the message names it and the forms that can
 */
export function masker(masks: readonly string[]): Masker {
  const parsed = masks.map(parseMask);
  return (event) => {
    let masked: EventRecord | null = event;
    for (const mask of parsed) {
      if (masked !== null && (mask.kind === MASKED || mask.kind === event.kind)) masked = apply(mask, masked);
    }
    return masked;
  };
}

function parseMask(text: string): Mask {
  const match = /^([a-z-]+|\*)(?:\.([^~]+)(?:~(.+))?)?$/s.exec(text);
  const [, kind, field = null, expression] = match ?? [];
  if (kind === undefined || (kind === MASKED && field === null)) {
    throw new InputError(`mask "${text}": write KIND, KIND.FIELD or KIND.FIELD~REGEX; * stands for every kind`);
  }
  return { kind, field, pattern: expression === undefined ? null : parsePattern(text, expression) };
}

function parsePattern(mask: string, expression: string): RegExp {
  let pattern: RegExp;
  try {
    pattern = new RegExp(expression, 'gu');
  } catch (error) {
    throw new InputError(`mask "${mask}": ${(error as Error).message}`);
  }
  if (''.replace(pattern, 'x') !== '') {
    throw new InputError(`mask "${mask}": the regular expression matches even nothing at all; write + instead of *`);
  }
  return pattern;
}

function apply({ field, pattern }: Mask, event: EventRecord): EventRecord | null {
  if (field === null) return null;
  // Stamps are numbers: zero stands for any.
  if (field === 't') return { ...event, t: 0 };
  if (field === 'core') return { ...event, core: 0 };
  if (!Object.hasOwn(event.fields, field)) return event;
  const value = event.fields[field];
  const masked = pattern === null ? MASKED : textOf(value).replace(pattern, MASKED);
  return { ...event, fields: { ...event.fields, [field]: masked } };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}
