/** A terminal that remembers what was written, and commands made of one function. */
import { testHost } from "../../helpers/host.ts";
import { runProgram } from "../../../src/cli/run.ts";
import type { Command, CommandContext, Input, Outcome } from "../../../src/cli/command.ts";
import type { Terminal } from "../../../src/sys/terminal.ts";
import type { TestHostOptions } from "../../helpers/host.ts";

export interface FakeTerminal extends Terminal {
  readonly stdout: string[];
  readonly stderr: string[];
}

export function fakeTerminal(over: Partial<Terminal> = {}): FakeTerminal {
  const stdout: string[] = [];
  const stderr: string[] = [];
  return {
    stdout,
    stderr,
    stdoutIsTerminal: false,
    stderrIsTerminal: false,
    stderrIsJournal: false,
    columns: () => 60,
    out: (data) => {
      stdout.push(typeof data === "string" ? data : new TextDecoder().decode(data));
      return Promise.resolve();
    },
    err: (text) => void stderr.push(text),
    flush: () => Promise.resolve(),
    ask: undefined,
    ...over,
  };
}

export const FLAGS: Command["flags"] = [
  { name: "json", kind: "boolean", help: "json" },
  { name: "quiet", short: "q", kind: "boolean", help: "quiet" },
  { name: "output", short: "o", kind: "text", value: "FILE", help: "where to" },
  { name: "recipient", short: "r", kind: "list", value: "RECIPIENT", help: "for whom" },
];

export function command(over: Partial<Command> = {}): Command {
  return {
    name: "save",
    summary: "saves",
    about: "Saves everything.",
    flags: FLAGS,
    positionals: [],
    examples: [{ run: "save", does: "saves" }],
    exits: ["partial"],
    keepsResult: false,
    run: () => Promise.resolve({ exit: "ok", lines: [], fields: {} }),
    ...over,
  };
}

/** Runs a program with one command `save`; returns what came out of it. */
export async function runWith(
  argv: readonly string[],
  options: {
    readonly run?: (input: Input, context: CommandContext) => Promise<Outcome>;
    readonly command?: Partial<Command>;
    readonly host?: TestHostOptions;
    readonly terminal?: Partial<Terminal>;
  } = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  const terminal = fakeTerminal(options.terminal);
  const run = options.run === undefined ? {} : { run: options.run };
  const code = await runProgram(argv, {
    host: testHost({ uid: 1000, ...options.host }),
    terminal,
    workingDirectory: "/",
    commands: [command({ ...options.command, ...run })],
  });
  return { code, stdout: terminal.stdout.join(""), stderr: terminal.stderr.join("") };
}
