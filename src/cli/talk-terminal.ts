/** Talk for a person at a terminal: a line per finished step with its time, and something that moves for slow ones. */
import { escapeControl, escapeLines } from "./escape.ts";
import { formatDuration, width } from "./format.ts";
import { sizeText } from "../words.ts";
import { handle, stopwatch } from "./talk-plain.ts";
import type { ShownError, Talk, TalkOptions } from "./talk.ts";

/** Quick steps show nothing but their result. */
const SHOW_AFTER = 400;
const REDRAW_EVERY = 100;
const WIDEST = 88;
const BAR = 20;

interface Step {
  readonly text: string;
  readonly started: number;
  progress?: { readonly done: number; readonly total: number };
}

/** Talk with colours, glyphs, a spinner and a progress bar on one last line that is redrawn. */
export function terminalTalk(options: TalkOptions): Talk {
  const { terminal, style, quiet, monotonic } = options;
  const live = liveLine(options);
  const clock = stopwatch(monotonic);
  const print = (text: string): void => {
    live.hide();
    terminal.err(`${text}\n`);
  };
  const hint = (text: string | undefined): void => {
    for (const one of text === undefined ? [] : escapeLines(text)) print(`  ${one}`);
  };
  const handlers = {
    step: (event: { readonly text: string }) => {
      clock.step();
      live.begin({ text: escapeControl(event.text), started: monotonic() });
    },
    done: (event: { readonly text: string }) => {
      live.end();
      print(doneLine(escapeControl(event.text), formatDuration(clock.done()), options));
    },
    progress: (event: { readonly done: number; readonly total: number }) => live.progress(event),
    note: (event: { readonly text: string }) => print(style.dim(`  ${escapeControl(event.text)}`)),
  };
  return {
    event(event) {
      if (event.type === "warning") {
        print(`${style.yellow(style.glyphs.warning)} ${escapeControl(event.message)}`);
        hint(event.hint);
      } else if (!quiet) handle(handlers, event);
    },
    error(error: ShownError) {
      live.end();
      print(`${style.red(style.glyphs.failed)} ${escapeControl(error.message)}`);
      hint(error.hint);
      hint(error.stack);
    },
    clear: live.end,
  };
}

function doneLine(text: string, time: string, { style, terminal }: TalkOptions): string {
  const columns = Math.min(terminal.columns() - 1, WIDEST);
  const used = style.glyphs.done.length + 1 + width(text) + width(time);
  const space = " ".repeat(Math.max(2, columns - used));
  return `${style.green(style.glyphs.done)} ${text}${space}${style.dim(time)}`;
}

/** The last line of the screen, redrawn while a step goes on. */
function liveLine({ terminal, style, monotonic }: TalkOptions) {
  let step: Step | undefined;
  let timer: ReturnType<typeof setInterval> | undefined;
  let shown = false;
  let drawn = 0;
  let frame = 0;
  const hide = (): void => {
    if (shown) terminal.err("\r\u001b[K");
    shown = false;
  };
  const draw = (): void => {
    const now = monotonic();
    if (step === undefined || now - step.started < SHOW_AFTER || now - drawn < REDRAW_EVERY / 2)
      return;
    drawn = now;
    const spinner = style.glyphs.spinner[frame++ % style.glyphs.spinner.length] ?? "";
    const tail = step.progress === undefined ? formatDuration(now - step.started) : bar(step, now);
    // A line that wraps could not be taken back.
    const room = Math.max(0, terminal.columns() - 5 - width(tail));
    const text = Array.from(step.text).slice(0, room).join("");
    terminal.err(`\r\u001b[K${style.dim(spinner)} ${text}  ${style.dim(tail)}`);
    shown = true;
  };
  const bar = ({ progress, started }: Step, now: number): string => {
    const { done, total } = progress ?? { done: 0, total: 0 };
    const part = total > 0 ? Math.min(1, done / total) : 0;
    const filled = Math.round(part * BAR);
    const drawnBar = style.glyphs.full.repeat(filled) + style.glyphs.empty.repeat(BAR - filled);
    const speed = sizeText(Math.round((done * 1000) / Math.max(1, now - started)));
    return `${drawnBar} ${Math.floor(part * 100)} %  ${speed}/s`;
  };
  const end = (): void => {
    clearInterval(timer);
    step = undefined;
    hide();
  };
  return {
    begin(next: Step): void {
      end();
      step = next;
      timer = setInterval(draw, REDRAW_EVERY);
    },
    // Long computing keeps timers from firing (style.md 5), so progress redraws too.
    progress(next: { readonly done: number; readonly total: number }): void {
      if (step === undefined) return;
      step.progress = { done: next.done, total: next.total };
      draw();
    },
    hide,
    end,
  };
}
