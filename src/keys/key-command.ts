/** `SOPS_AGE_KEY_CMD`: a command that prints secret keys. */
import { OperatorError } from "../errors.ts";
import { splitWords } from "./shell-words.ts";
import { failure, parseSource } from "./parse-source.ts";
import type { SourceResult } from "./found.ts";
import type { Host } from "../sys/host.ts";

/** Long enough for a hardware key that wants a touch. */
const TIME_OUT = 60_000;

export interface KeyCommandOptions {
  readonly label: string;
  readonly ask?: ((question: string) => Promise<string>) | undefined;
  /** Given to the command as SOPS_AGE_RECIPIENT, as SOPS 3.12 does. */
  readonly recipient?: string | undefined;
  readonly workingDirectory?: string | undefined;
}

/**
 * Runs the command without a shell and reads the keys it prints. Neither the
 * command's words nor its output get into a message: either may hold a key.
 */
export async function keysFromCommand(
  host: Host,
  command: string,
  options: KeyCommandOptions,
): Promise<SourceResult> {
  const { label } = options;
  const words = splitWords(command);
  if (words === undefined || words.length === 0 || words[0] === "") {
    return failure(label, {
      code: "KEY_COMMAND_FAILED",
      reason:
        words === undefined ? "has an open quote or a backslash at its end" : "names no program",
      hint: "the command is split into words like a shell does, but no shell runs it",
    });
  }
  let result;
  try {
    result = await host.run(words, {
      env: commandEnvironment(host, options.recipient),
      timeout: TIME_OUT,
      maxOutput: 16 * 1024 * 1024,
      ...(options.workingDirectory === undefined ? {} : { cwd: options.workingDirectory }),
    });
  } catch (error) {
    if (host.signal.aborted) throw error;
    const missing = error instanceof OperatorError && error.code === "TOOL_MISSING";
    return failure(label, {
      code: "KEY_COMMAND_FAILED",
      reason: missing ? "names a program that is not there or cannot be run" : "could not be run",
      hint: "type the command by hand; it must print the key",
    });
  }
  if (result.timedOut || result.exitCode !== 0) {
    const how = result.timedOut
      ? `did not end within ${TIME_OUT / 1000} seconds`
      : `failed (${result.exitCode === null ? `signal ${result.exitSignal}` : `exit code ${result.exitCode}`})`;
    return failure(label, {
      code: "KEY_COMMAND_FAILED",
      reason: how,
      hint: "type the command by hand; it must print the key and exit 0, and gets no terminal",
    });
  }
  return parseSource(new TextEncoder().encode(result.stdout), options);
}

/**
 * SOPS gives the command its whole environment (a password manager needs its
 * tokens and sockets); so do we, except for other keys that lie there.
 */
function commandEnvironment(
  host: Host,
  recipient: string | undefined,
): Record<string, string | undefined> {
  const env: Record<string, string | undefined> = { ...host.env };
  delete env["SOPS_AGE_KEY"];
  if (recipient !== undefined) env["SOPS_AGE_RECIPIENT"] = recipient;
  return env;
}
