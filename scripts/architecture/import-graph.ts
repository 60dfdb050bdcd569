// SPDX-License-Identifier: GPL-2.0-only
/**
 * The graph of all imports: circles, types included, and files that only tests reach. Rules about
 * single imports are in check-architecture.ts.
 */

/** Files that each file imports, in the order of the imports. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>;

/**
 * The circles: sets of files in which each file leads to every other one. Tarjan's algorithm for
 * strongly connected components, linear in files and imports.
 */
export function circlesOf(graph: ImportGraph): string[][] {
  const circles: string[][] = [];
  const order = new Map<string, number>();
  const open: string[] = [];
  const isOpen = new Set<string>();
  const visit = (file: string): number => {
    const number = order.size;
    order.set(file, number);
    open.push(file);
    isOpen.add(file);
    let low = number;
    for (const target of graph.get(file) ?? []) {
      if (!order.has(target)) low = Math.min(low, visit(target));
      else if (isOpen.has(target)) low = Math.min(low, order.get(target) ?? low);
    }
    if (low === number) {
      const circle = open.splice(open.lastIndexOf(file));
      for (const member of circle) isOpen.delete(member);
      if (circle.length > 1) circles.push(circle);
    }
    return low;
  };
  for (const file of graph.keys()) if (!order.has(file)) visit(file);
  return circles;
}

/** Files to which none of `entries` leads. Linear in files and imports. */
export function unreachedFrom(entries: readonly string[], graph: ImportGraph): string[] {
  const reached = new Set<string>();
  const waiting = [...entries];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (reached.has(file)) continue;
    reached.add(file);
    waiting.push(...(graph.get(file) ?? []));
  }
  return [...graph.keys()].filter((file) => !reached.has(file));
}
