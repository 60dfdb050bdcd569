// SPDX-License-Identifier: GPL-2.0-only
/**
 * The panels of a machine that runs: terminal, map, allocator, registers, questions. Its link knows
 * whether the machine is behind a server or in a worker.
 */

import { hex, PAGE_SIZE } from '#common/address.ts';
import { showCount, showTime } from '#common/quantities.ts';
import { byId, byIdAs, make } from '#workbench/report/page/dom.ts';
import { LaneChart } from '#workbench/report/page/lane-chart.ts';
import { showLegend } from '#workbench/report/page/legend.ts';
import { MemoryMap } from '#workbench/report/page/memory-map.ts';
import { MomentAxis } from '#workbench/report/page/moment-axis.ts';
import { showMomentBar } from '#workbench/report/page/moment-bar.ts';
import { showOrderChart } from '#workbench/report/page/order-chart.ts';
import { StoryView } from '#workbench/report/page/story-view.ts';
import { showUsageChart } from '#workbench/report/page/usage-chart.ts';
import type { LiveAnswer, LiveCommand, LiveStatus, LiveUpdate } from '#workbench/web/protocol.ts';
import { SerialTerminal } from './serial-terminal.ts';

/** The way to a machine. */
export interface MachineLink {
  command(command: LiveCommand): void;
  /** Input to the console. */
  type(text: string): void;
  ask(question: string): Promise<LiveAnswer>;
}

const QUESTIONS = ['frame 0x', 'va 0x', 'mem_map', 'memory', 'buddy', 'tables', 'registers', 'code'];
const SHORTCUTS: Readonly<Record<string, string>> = { r: 'run', p: 'pause', s: 'step', b: 'back' };

export class MachinePage {
  private readonly link: MachineLink;
  private readonly terminal: SerialTerminal;
  private view: StoryView | null = null;
  private lanes: LaneChart | null = null;
  private status: LiveStatus | null = null;
  /** Instructions at which the registers that are shown were read. */
  private insideAt = -1;
  private chosen: number | null = null;

  constructor(link: MachineLink) {
    this.link = link;
    this.terminal = new SerialTerminal((text) => link.type(text));
    this.listenToControls();
    this.listenToQuestions();
  }

  take(update: LiveUpdate): void {
    const { whole, story, status } = update;
    if (whole !== null) {
      this.view?.clear(whole.banks);
      this.terminal.clear();
      this.insideAt = -1;
      byId('board').textContent = whole.board;
      document.title = `${whole.board} live`;
      document.body.classList.toggle('foreign', !whole.modelled);
    }
    this.view ??= this.begin(update);
    this.showStatus(status);
    this.terminal.write(update.serial);
    if (whole !== null || story.moments.length + story.operations.length > 0) this.view.add(story);
    if (whole !== null || update.lanes !== undefined) this.lanes?.show(update.lanes ?? [], status.nowNs);
  }

  showTrouble(what: string): void {
    byId('status').textContent = what;
    byId('status').classList.add('bad');
  }

  /** Puts the page together when the first update says what machine it is. */
  private begin({ whole }: LiveUpdate): StoryView {
    const view = new StoryView(whole?.banks ?? []);
    const axis = new MomentAxis(view);
    const map = new MemoryMap(view);
    map.onChosen = (pfn) => {
      this.chosen = pfn;
      byIdAs('ask-frame', HTMLButtonElement).disabled = false;
    };
    showMomentBar(view, axis);
    showLegend(view, map);
    showOrderChart(view, axis);
    showUsageChart(view, axis);
    this.lanes = new LaneChart(view);
    byId('moment-now').addEventListener('click', () => view.select(view.moments.length - 1));
    byId('moment-go').addEventListener('click', () => {
      if (view.moment !== null) this.link.command({ action: 'go', ns: view.moment.t });
    });
    return view;
  }

  private showStatus(status: LiveStatus): void {
    const { state, reason, failed, nowNs, instructions, pc, level } = status;
    this.status = status;
    const line = byId('status');
    line.textContent = reason === null ? state : `${state}: ${reason}`;
    line.classList.toggle('bad', failed);
    byId('where').textContent = `${showTime(nowNs)} · ${showCount(instructions)} instructions · EL${level} PC ${pc}`;
    byIdAs('run', HTMLButtonElement).disabled = state !== 'paused';
    byIdAs('pause', HTMLButtonElement).disabled = state === 'paused' || state === 'ended';
    byIdAs('step', HTMLButtonElement).disabled = state === 'ended';
    byIdAs('back', HTMLButtonElement).disabled = instructions === 0;
    if (state !== 'running' && this.insideAt !== instructions) void this.lookInside(instructions);
    const isOld = state === 'running';
    byId('inside-section').classList.toggle('old', isOld);
    byId('inside-note').textContent = isOld
      ? 'The machine runs: registers and code are as they were when it last stood still. Pause it to see them now.'
      : `At ${showCount(instructions)} instructions, ${showTime(nowNs)}.`;
  }

  private async lookInside(instructions: number): Promise<void> {
    this.insideAt = instructions;
    for (const what of ['registers', 'code']) {
      byId(what).textContent = linesOf(await this.link.ask(what)).join('\n');
    }
  }

  private listenToControls(): void {
    const { link } = this;
    byId('run').addEventListener('click', () => link.command({ action: 'run' }));
    byId('pause').addEventListener('click', () => link.command({ action: 'pause' }));
    byId('restart').addEventListener('click', () => link.command({ action: 'restart' }));
    for (const action of ['step', 'back'] as const) {
      byId(action).addEventListener('click', () => {
        link.command({ action, instructions: Number(byIdAs('step-by', HTMLSelectElement).value) });
      });
    }
    document.addEventListener('keydown', (event) => {
      const { target, key, ctrlKey, metaKey, altKey } = event;
      // Keys typed into the terminal and into fields are left alone.
      const isTyped = target instanceof HTMLElement && target.closest('input, textarea, select, #terminal') !== null;
      const id = SHORTCUTS[key];
      if (isTyped || ctrlKey || metaKey || altKey || id === undefined) return;
      event.preventDefault();
      byId(id).click();
    });
  }

  private listenToQuestions(): void {
    byId('questions').append(...QUESTIONS.map((value) => make('option', { value })));
    const field = byIdAs('question', HTMLInputElement);
    const ask = async (question: string): Promise<void> => {
      field.value = question;
      const answer = await this.link.ask(question);
      byId('answer').textContent = linesOf(answer).join('\n');
      byId('answer').classList.toggle('bad', 'refused' in answer);
    };
    byIdAs('ask', HTMLFormElement).addEventListener('submit', (event) => {
      event.preventDefault();
      void ask(field.value);
    });
    byId('ask-frame').addEventListener('click', () => {
      if (this.chosen !== null) void ask(`frame ${hex(this.chosen * PAGE_SIZE)}`);
    });
    byId('ask-walk').addEventListener('click', () => {
      if (this.status !== null) void ask(`va ${this.status.pc}`);
    });
  }
}

const linesOf = (answer: LiveAnswer): readonly string[] => ('refused' in answer ? [answer.refused] : answer.lines);
