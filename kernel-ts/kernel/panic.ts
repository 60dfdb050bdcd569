/**
 * Kernel panic. `throw new KernelPanic(...)` anywhere in the kernel unwinds to the gate that entered it, which prints the lines, tells the
 * machine and parks the core. Nothing in between catches it.
 */

/** Reason and detail of a panic. The console shows `PANIC: ${reason}` on a line of its own, then `detail`. */
export class KernelPanic extends Error {
  readonly reason: string;
  readonly detail: string;

  /**
   * @param reason the sentence after `PANIC: ` (an interface for tools: never changes with numbers where DESIGN fixes it)
   * @param detail one line that says why, with the numbers at hand
   */
  constructor(reason: string, detail: string) {
    super(`PANIC: ${reason}`);
    this.name = 'KernelPanic';
    this.reason = reason;
    this.detail = detail;
  }
}
