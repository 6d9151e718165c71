/** Talk for pipes, files and the journal: one line an event, nothing that moves. */
import type { AppEvent } from "../app/context.ts";
import { escapeControl, escapeLines } from "./escape.ts";
import { formatDuration } from "./format.ts";
import { sizeText } from "../words.ts";
import { makeLog } from "./log.ts";
import type { Log } from "./log.ts";
import type { ShownError, Talk, TalkOptions } from "./talk.ts";

/** A step is only announced when it has not ended by then: a quick run stays short, a hanging one shows where. */
const ANNOUNCE_AFTER = 1_000;
const PROGRESS_EVERY = 30_000;

/** Talk in plain lines, with priorities when stderr is the journal. */
export function plainTalk(options: TalkOptions): Talk {
  const { quiet, monotonic } = options;
  const log = makeLog(options);
  const hint = (level: keyof Log, text: string | undefined): void => {
    for (const one of text === undefined ? [] : escapeLines(text)) log[level](`  ${one}`);
  };
  const clock = stopwatch(monotonic);
  let shownProgress = monotonic();
  let step = "";
  let timer: ReturnType<typeof setTimeout> | undefined;
  const clear = (): void => clearTimeout(timer);
  const handlers = {
    step: (event: Extract<AppEvent, { type: "step" }>) => {
      clear();
      clock.step();
      shownProgress = monotonic();
      step = escapeControl(event.text);
      timer = setTimeout(() => log.info(`${step} ...`), ANNOUNCE_AFTER);
    },
    done: (event: Extract<AppEvent, { type: "done" }>) => {
      clear();
      log.info(`${escapeControl(event.text)} (${formatDuration(clock.done())})`);
      step = "";
    },
    progress: (event: Extract<AppEvent, { type: "progress" }>) => {
      if (monotonic() - shownProgress < PROGRESS_EVERY || step === "") return;
      shownProgress = monotonic();
      log.info(`${step}: ${sizeText(event.done)} of ${sizeText(event.total)}`);
    },
    note: (event: Extract<AppEvent, { type: "note" }>) => log.info(escapeControl(event.text)),
  };
  return {
    event(event) {
      if (event.type === "warning") {
        log.warn(`warning: ${escapeControl(event.message)}`);
        hint("warn", event.hint);
      } else if (!quiet) handle(handlers, event);
    },
    error(error: ShownError) {
      clear();
      log.error(`error: ${escapeControl(error.message)}`);
      hint("error", error.hint);
      hint("error", error.stack);
    },
    clear,
  };
}

type Quiet = Exclude<AppEvent, { type: "warning" }>;
export type Handlers = { [Kind in Quiet["type"]]: (event: Extract<Quiet, { type: Kind }>) => void };

/** Calls the handler of an event's type. */
export function handle(handlers: Handlers, event: Quiet): void {
  switch (event.type) {
    case "step":
      return handlers.step(event);
    case "done":
      return handlers.done(event);
    case "progress":
      return handlers.progress(event);
    case "note":
      return handlers.note(event);
  }
}

/** Times what ended: from the first of the steps that led to it, so that one result of many steps has the time of all. */
export function stopwatch(monotonic: () => number) {
  let started = monotonic();
  let running = false;
  return {
    step(): void {
      if (!running) started = monotonic();
      running = true;
    },
    /** Milliseconds. */
    done(): number {
      const now = monotonic();
      const passed = now - started;
      started = now;
      running = false;
      return passed;
    },
  };
}
