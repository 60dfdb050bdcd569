// SPDX-License-Identifier: GPL-2.0-only
/**
 * Reference model of a GIC, as simple as the architecture's text: every answer is computed from all
 * interrupts. The property test runs random operations on it and on the real controllers.
 *
 * No caches, no bitmaps, nothing shared with the implementation. It models the common part of GICv2
 * and GICv3 (single security state), plus SGI sources for GICv2.
 */

interface Interrupt {
  readonly intid: number;
  enabled: boolean;
  latch: boolean;
  /** GICv2: cores that sent this SGI, until it is acknowledged. */
  readonly sources: Set<number>;
  line: boolean;
  edge: boolean;
  active: boolean;
  group: 0 | 1;
  priority: number;
  /** Target cores. */
  targets: Set<number>;
}

interface Core {
  enables: [boolean, boolean];
  pmr: number;
  bpr: [number, number];
  commonBpr: boolean;
  splitEoi: boolean;
  /** Active priorities: group and group priority. */
  activePriorities: { group: 0 | 1; priority: number }[];
}

export class ReferenceGic {
  private readonly own: Interrupt[][];
  private readonly shared: Interrupt[];
  readonly cores: Core[];
  distributor: [boolean, boolean] = [false, false];

  constructor(cpus: number, spis: number) {
    this.own = Array.from({ length: cpus }, (_, cpu) =>
      Array.from({ length: 32 }, (_, intid) => newInterrupt(intid, intid < 16, new Set([cpu]))),
    );
    this.shared = Array.from({ length: spis }, (_, n) => newInterrupt(32 + n, false, new Set()));
    this.cores = Array.from({ length: cpus }, () => ({
      enables: [false, false],
      pmr: 0,
      bpr: [2, 3],
      commonBpr: false,
      splitEoi: false,
      activePriorities: [],
    }));
  }

  interrupt(cpu: number, intid: number): Interrupt {
    return intid < 32 ? this.own[cpu]![intid]! : this.shared[intid - 32]!;
  }

  isPending({ latch, sources, line, edge }: Interrupt): boolean {
    return latch || sources.size > 0 || (line && !edge);
  }

  setLine(cpu: number, intid: number, level: boolean): void {
    const interrupt = this.interrupt(cpu, intid);
    interrupt.latch ||= interrupt.edge && level && !interrupt.line;
    interrupt.line = level;
  }

  highestPending(cpu: number): Interrupt | undefined {
    const { enables } = this.cores[cpu]!;
    return [...this.own[cpu]!, ...this.shared]
      .filter((i) => this.isPending(i) && i.enabled && !i.active && i.targets.has(cpu))
      .filter((i) => this.distributor[i.group] && enables[i.group])
      .sort((a, b) => a.priority - b.priority || a.intid - b.intid)[0];
  }

  runningPriority(cpu: number): number {
    return Math.min(0xff, ...this.cores[cpu]!.activePriorities.map(({ priority }) => priority));
  }

  signalled(cpu: number): Interrupt | undefined {
    const best = this.highestPending(cpu);
    if (best === undefined || best.priority >= this.cores[cpu]!.pmr) return undefined;
    if (this.cores[cpu]!.activePriorities.length === 0) return best;
    const running = { group: best.group, priority: this.runningPriority(cpu) };
    return this.groupPriority(cpu, best) < this.groupPriority(cpu, running) ? best : undefined;
  }

  /**
   * @returns the INTID when the signalled interrupt is in one of the groups, with the source in
   * bits 12:10; else 1023
   */
  acknowledge(cpu: number, groups: readonly number[]): number {
    const best = this.signalled(cpu);
    if (best === undefined || !groups.includes(best.group)) return 1023;
    this.cores[cpu]!.activePriorities.push({ group: best.group, priority: this.groupPriority(cpu, best) });
    best.latch = false;
    best.active = true;
    const source = best.sources.size === 0 ? 0 : Math.min(...best.sources);
    best.sources.delete(source);
    return best.intid + source * 1024;
  }

  /** Group of the running priority, group 0 first; undefined when idle. */
  activeGroup(cpu: number): 0 | 1 | undefined {
    const running = this.runningPriority(cpu);
    const top = this.cores[cpu]!.activePriorities.filter(({ priority }) => priority === running);
    return top.sort((a, b) => a.group - b.group)[0]?.group;
  }

  end(cpu: number, group: 0 | 1, intid: number): void {
    const core = this.cores[cpu]!;
    const ofGroup = core.activePriorities.filter((active) => active.group === group);
    if (ofGroup.length === 0) return;
    const highest = ofGroup.reduce((a, b) => (b.priority < a.priority ? b : a));
    core.activePriorities.splice(core.activePriorities.indexOf(highest), 1);
    if (!core.splitEoi) this.interrupt(cpu, intid).active = false;
  }

  deactivate(cpu: number, intid: number): void {
    if (this.cores[cpu]!.splitEoi) this.interrupt(cpu, intid).active = false;
  }

  /** Priority without the bits that the binary point makes subpriority. */
  private groupPriority(cpu: number, { priority, group }: Pick<Interrupt, 'priority' | 'group'>): number {
    const { bpr, commonBpr } = this.cores[cpu]!;
    const lowestGroupBit = group === 0 || commonBpr ? bpr[0] + 1 : bpr[1];
    return Math.floor(priority / 2 ** lowestGroupBit) * 2 ** lowestGroupBit;
  }
}

function newInterrupt(intid: number, edge: boolean, targets: Set<number>): Interrupt {
  return {
    intid,
    enabled: false,
    latch: false,
    sources: new Set(),
    line: false,
    edge,
    active: false,
    group: 0,
    priority: 0,
    targets,
  };
}
