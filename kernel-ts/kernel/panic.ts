/**
 * Kernel panic. `throw new KernelPanic(...)` anywhere in the kernel unwinds to the gate that
 * entered it, which prints the lines, tells the machine and parks the core. Nothing in between
 * catches it.
 */

/**
 * Reason and detail of a panic. The console shows `PANIC: ${reason}` on a line of its own, then
 * `detail`.
 */
export class KernelPanic extends Error {
  readonly reason: string;
  readonly detail: string;
  /** Further lines, behind the two: the state of the machine, where that helps. */
  readonly more: readonly string[];

  /**
   * @param reason the sentence after `PANIC: ` (an interface for tools: never changes with numbers
   * where DESIGN fixes it)
   * @param detail one line that says why, with the numbers at hand
   * @param more further lines
   */
  constructor(reason: string, detail: string, more: readonly string[] = []) {
    super(`PANIC: ${reason}`);
    this.name = 'KernelPanic';
    this.reason = reason;
    this.detail = detail;
    this.more = more;
  }
}
