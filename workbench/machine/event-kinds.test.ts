// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import { InputError } from '#workbench/input-error.ts';
import { EVENT_KINDS, isEventKind, parseTraceList, traceableKinds } from './event-kinds.ts';

describe('parseTraceList', () => {
  it('takes names in any order, with spaces, each once', () => {
    expect(parseTraceList('--trace', 'irq, exception ,irq')).toEqual(['exception', 'irq']);
  });

  it('takes every kind that the command line documents', () => {
    expect(parseTraceList('--trace', 'exception,irq,mmu,mmio,psci,buddy,heap')).toHaveLength(7);
  });

  it('takes "all" for the loud kinds', () => {
    expect(parseTraceList('--trace', 'all')).toEqual(traceableKinds());
    expect(traceableKinds()).not.toContain('serial');
  });

  it('allows a kind that is always kept', () => {
    expect(parseTraceList('--trace', 'serial')).toEqual(['serial']);
  });

  it.each(['exeption', '', 'irq,', 'toString', '__proto__'])('refuses "%s" and names the known kinds', (list) => {
    expect(() => parseTraceList('--trace', list)).toThrow(InputError);
    expect(() => parseTraceList('--trace', list)).toThrow('known: exception, irq, mmu');
  });
});

describe('EVENT_KINDS', () => {
  it('gives every kind one line of meaning', () => {
    for (const [kind, { meaning }] of Object.entries(EVENT_KINDS)) {
      expect(kind).toMatch(/^[a-z]+(-[a-z]+)*$/);
      expect(meaning).toMatch(/^[^\n]{10,}$/);
      expect(isEventKind(kind)).toBe(true);
    }
  });
});
