// SPDX-License-Identifier: GPL-2.0-only
/**
 * Takes an engine out of use when it is closed. Its native memory is free, and may already be
 * another engine's: whoever kept a reference must get an error, from every method and for no price
 * while the engine lives. So the object loses what it knows, and its prototype becomes one that
 * only refuses.
 */

import { MachineClosedError } from './machine-closed-error.ts';

/** Empties `engine`. `version` stays, and a `close` that does nothing. */
export function retire(engine: { readonly version: string }): void {
  const { version } = engine;
  const names = new Set<string | symbol>(Reflect.ownKeys(engine));
  for (let at: unknown = Object.getPrototypeOf(engine); at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const name of Reflect.ownKeys(at as object)) names.add(name);
  }
  names.delete('constructor');
  for (const name of Reflect.ownKeys(engine)) Reflect.deleteProperty(engine, name);
  Object.defineProperties(engine, { version: { value: version }, close: { value: () => {} } });
  Object.setPrototypeOf(engine, refusing(names));
}

/**
 * A prototype on which nothing can be done by these names; others (a test that prints the object
 * asks for many) are not there.
 */
function refusing(names: ReadonlySet<string | symbol>): object {
  const refuse = (name: string | symbol): undefined => {
    if (names.has(name)) throw new MachineClosedError(`the engine's ${String(name)}`);
  };
  return new Proxy(Object.create(null) as object, {
    get: (_target, name) => refuse(name),
    set: (_target, name) => refuse(name) === undefined,
  });
}
