/** One run: command line in, exit code out, with everything a run has to leave behind on the way. */
import { EXIT, messageOf } from "../errors.ts";
import { RESULT_DIR, writeResultFile } from "../sys/result-file.ts";
import { VERSION_LINE } from "../version.ts";
import { dispatch } from "./dispatch.ts";
import { envelope } from "./envelope.ts";
import { escapeControl } from "./escape.ts";
import { failureOf } from "./failure.ts";
import { helpOn } from "./help.ts";
import { newRunId } from "./run-id.ts";
import { route, wantsJson } from "./route.ts";
import { chooseStyle } from "./style.ts";
import { chooseTalk } from "./talk.ts";
import type { AppEvent, Warning } from "../app/context.ts";
import type { ExitName } from "../errors.ts";
import type { Host } from "../sys/host.ts";
import type { Terminal } from "../sys/terminal.ts";
import type { Command, CommandContext, Outcome } from "./command.ts";
import type { EnvelopeError } from "./envelope.ts";
import type { Talk } from "./talk.ts";

/** A line of a terminal that nobody made narrower, for what is kept in a file. */
const COLUMNS = 100;

export interface Surroundings {
  readonly host: Host;
  readonly terminal: Terminal;
  readonly workingDirectory: string;
  readonly commands: readonly Command[];
}

/** Runs one command line (without the program's name) to its end; never throws for what a person did. */
export async function runProgram(argv: readonly string[], around: Surroundings): Promise<number> {
  const run = new Run(argv, around);
  try {
    return EXIT[await run.start()];
  } catch (error) {
    const failure = failureOf(error, around.host.signal);
    run.talk.error(failure.shown);
    return EXIT[await run.finish({ exit: failure.exit, error: failure.error })];
  } finally {
    run.talk.clear();
    await around.terminal.flush();
  }
}

interface Ending {
  readonly exit: ExitName;
  readonly error: EnvelopeError | null;
  readonly outcome?: Outcome;
}

class Run {
  readonly talk: Talk;
  readonly #argv: readonly string[];
  readonly #around: Surroundings;
  readonly #json: boolean;
  readonly #started: Date;
  readonly #startedAt: number;
  readonly #warnings: EnvelopeError[] = [];
  #command: Command | undefined;

  constructor(argv: readonly string[], around: Surroundings) {
    const { host, terminal } = around;
    this.#argv = argv;
    this.#around = around;
    this.#json = wantsJson(argv);
    this.#started = host.now();
    this.#startedAt = host.monotonic();
    this.talk = chooseTalk({
      terminal,
      style: this.#styleOf(terminal.stderrIsTerminal),
      quiet: argv.includes("--quiet") || argv.includes("-q"),
      monotonic: () => host.monotonic(),
    });
  }

  async start(): Promise<ExitName> {
    const { terminal, commands } = this.#around;
    const asked = route(this.#argv, commands);
    const style = this.#styleOf(terminal.stdoutIsTerminal);
    switch (asked.kind) {
      case "version":
        await terminal.out(VERSION_LINE);
        return "ok";
      case "help":
        await terminal.out(helpOn(asked.topic, commands, style));
        return "ok";
      case "nothing":
        if (!this.#json) {
          terminal.err(helpOn(asked.topic, commands, this.#styleOf(terminal.stderrIsTerminal)));
          return "usage";
        }
        return this.finish({
          exit: "usage",
          error: {
            code: "USAGE",
            message:
              asked.topic === undefined
                ? "no command given"
                : `${asked.topic.group?.name ?? ""} needs a command after it`,
          },
        });
      case "run":
        this.#command = asked.command;
        return this.#run(asked.command, asked.argv);
    }
  }

  async #run(command: Command, argv: readonly string[]): Promise<ExitName> {
    const outcome = await dispatch([command.name, ...argv], {
      commands: this.#around.commands,
      context: this.#context(),
    });
    this.talk.clear();
    for (const warning of outcome.warnings ?? []) this.#warn(warning, { silentIfKnown: true });
    const failures = (outcome.failures ?? []).map((one) =>
      failureOf(one, this.#around.host.signal),
    );
    for (const { shown } of failures) this.talk.error(shown);
    return this.finish({ exit: outcome.exit, error: failures[0]?.error ?? null, outcome });
  }

  /** Leaves the result file and prints what belongs on stdout. */
  async finish(ending: Ending): Promise<ExitName> {
    const { terminal } = this.#around;
    if (this.#command?.keepsResult === true) await this.#keep(this.#command.name, ending);
    if (this.#json) await terminal.out(`${JSON.stringify(this.#envelope(ending))}\n`);
    else if (ending.outcome !== undefined && ending.outcome.lines.length > 0) {
      await terminal.out(`${ending.outcome.lines.map(escapeControl).join("\n")}\n`);
    }
    return ending.exit;
  }

  /** A result that cannot be kept is worth a warning, and nothing more: the work itself is done or has failed already. */
  async #keep(command: string, ending: Ending): Promise<void> {
    const { host } = this.#around;
    const chosen = host.env["RAILIANCE_RESULT_DIR"] ?? "";
    if (chosen === "" && host.uid !== 0) return;
    try {
      await writeResultFile(chosen === "" ? RESULT_DIR : chosen, {
        command,
        json: JSON.stringify(this.#envelope(ending), null, 2),
      });
    } catch (error) {
      this.#warn({
        code: "RESULT_NOT_WRITTEN",
        message: `the result file could not be written: ${messageOf(error)}`,
      });
    }
  }

  #runId: string | undefined;

  #envelope(ending: Ending): Record<string, unknown> {
    const { host } = this.#around;
    this.#runId ??= newRunId(this.#started);
    return envelope({
      command: this.#command?.name ?? null,
      runId: this.#runId,
      host: host.hostname,
      started: this.#started,
      ended: host.now(),
      durationMs: host.monotonic() - this.#startedAt,
      exit: ending.exit,
      clusterId: ending.outcome?.clusterId,
      warnings: this.#warnings,
      error: ending.error,
      fields: ending.outcome?.fields ?? {},
    });
  }

  #context(): CommandContext {
    const { host, terminal, workingDirectory } = this.#around;
    const { ask } = terminal;
    return {
      host,
      workingDirectory,
      stdout: { isTerminal: terminal.stdoutIsTerminal, write: (bytes) => terminal.out(bytes) },
      columns: terminal.stderrIsTerminal ? terminal.columns() : COLUMNS,
      talk: (event: AppEvent) =>
        event.type === "warning" ? this.#warn(event) : this.talk.event(event),
      ask:
        ask === undefined
          ? undefined
          : (question: string, options?: { readonly hidden?: boolean }) => {
              this.talk.clear();
              return ask(question, options);
            },
    };
  }

  #warn({ code, message, hint }: Warning, options: { silentIfKnown?: boolean } = {}): void {
    const known = this.#warnings.some((one) => one.code === code && one.message === message);
    if (known && options.silentIfKnown === true) return;
    const warning = hint === undefined ? { code, message } : { code, message, hint };
    if (!known) this.#warnings.push(warning);
    this.talk.event({ type: "warning", ...warning });
  }

  #styleOf(isTerminal: boolean) {
    const { env } = this.#around.host;
    return chooseStyle({ isTerminal, env, noColor: this.#argv.includes("--no-color") });
  }
}
