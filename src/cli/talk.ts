/** What a command says while it works: events in, lines on stderr out. */
import type { AppEvent } from "../app/context.ts";
import type { Terminal } from "../sys/terminal.ts";
import { plainTalk } from "./talk-plain.ts";
import { terminalTalk } from "./talk-terminal.ts";
import type { Style } from "./style.ts";

/** An error as it is shown: never a stack, unless it is our own fault. */
export interface ShownError {
  readonly message: string;
  readonly hint?: string;
  readonly stack?: string;
}

export interface Talk {
  event(event: AppEvent): void;
  error(error: ShownError): void;
  /** Takes back what is not final (a spinner), before something else writes to the terminal. */
  clear(): void;
}

export interface TalkOptions {
  readonly terminal: Terminal;
  readonly style: Style;
  /** Warnings and errors only. */
  readonly quiet: boolean;
  /** Milliseconds of a clock that never jumps. */
  readonly monotonic: () => number;
}

/** A live display on a terminal, plain lines everywhere else. */
export function chooseTalk(options: TalkOptions): Talk {
  return options.terminal.stderrIsTerminal ? terminalTalk(options) : plainTalk(options);
}
