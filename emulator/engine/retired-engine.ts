// SPDX-License-Identifier: GPL-2.0-only
/**
 * Takes an engine out of use when it is closed. Its native memory is free and may already belong to
 * another engine, so every method of a kept reference must throw, without any cost while the engine
 * is open. Therefore the object loses its properties, and its prototype is replaced by one that
 * only throws.
 */

import { MachineClosedError } from './machine-closed-error.ts';

/** Empties `engine`. `version` stays, and `close` does nothing from now on. */
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
 * Prototype whose members of these names throw; other names are absent (a test that prints the
 * object asks for many).
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
