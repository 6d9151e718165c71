/** How a command is described: one value that the parser, the help and (later) the completion read. */
import type { Context } from "../app/context.ts";
import type { ExitName, OperatorError } from "../errors.ts";

export interface Flag {
  /** Long name without dashes. */
  readonly name: string;
  /** One letter. */
  readonly short?: string;
  /** `list` may be given more than once. */
  readonly kind: "boolean" | "text" | "list";
  /** Placeholder of the value in the help: `FILE`. */
  readonly value?: string;
  /** One phrase, lower case, no full stop. */
  readonly help: string;
}

export interface Positional {
  readonly name: string;
  readonly help: string;
  readonly count: "required" | "optional" | "many";
}

/** What was given on the command line, checked against the declaration. */
export interface Input {
  has(flag: string): boolean;
  text(flag: string): string | undefined;
  list(flag: string): string[];
  readonly positionals: readonly string[];
}

/** What a command hands back to be shown. */
export interface Outcome {
  readonly exit: ExitName;
  /** Lines for a person, on stdout. Nothing when there is nothing to say. */
  readonly lines: readonly string[];
  /** Fields of the result envelope that belong to this command. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** What failed without ending the command (one archive of many); each is shown, the first goes into the envelope. */
  readonly failures?: readonly OperatorError[];
  readonly clusterId?: string;
  readonly warnings?: readonly {
    readonly code: string;
    readonly message: string;
    readonly hint?: string;
  }[];
}

/** Commands under one word, such as `ha lint` and `ha drift`. */
export interface CommandGroup {
  /** The word. */
  readonly name: string;
  /** One phrase for the list of commands. */
  readonly summary: string;
  /** A paragraph for the group's own help. */
  readonly about: string;
}

/** A file that an operator writes, for the help. */
export interface Sample {
  readonly title: string;
  readonly text: string;
}

export interface Command {
  /** As it is typed; of a group `ha lint`, with `group.name` as its first word. */
  readonly name: string;
  readonly group?: CommandGroup;
  /** One phrase for the list of commands. */
  readonly summary: string;
  /** A paragraph for the command's own help. */
  readonly about: string;
  readonly flags: readonly Flag[];
  readonly positionals: readonly Positional[];
  readonly examples: readonly { readonly run: string; readonly does: string }[];
  /** Files that it reads. */
  readonly samples?: readonly Sample[];
  /** Rows of the exit-code table that this command can end with, besides those every command has. */
  readonly exits: readonly ExitName[];
  /** Whether each run leaves its envelope in the results folder, for whoever runs the layers. */
  readonly keepsResult: boolean;
  run(input: Input, context: CommandContext): Promise<Outcome>;
}

export interface CommandContext extends Context {
  /** Absolute; what relative paths on the command line are relative to. */
  readonly workingDirectory: string;
  /** For the one command whose data is bytes; lines go into the outcome. */
  readonly stdout: {
    readonly isTerminal: boolean;
    write(bytes: Uint8Array): Promise<void>;
  };
  /** Characters in a line of the terminal. */
  readonly columns: number;
}
