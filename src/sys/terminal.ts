/** The two output streams and the person in front of them. stdout is data, stderr is talk. */
import { fstatSync } from "node:fs";
import { open } from "node:fs/promises";
import { isatty, ReadStream } from "node:tty";
import { OperatorError } from "../errors.ts";
import { writeWhole } from "./streams.ts";

export interface Terminal {
  readonly stdoutIsTerminal: boolean;
  readonly stderrIsTerminal: boolean;
  /** stderr goes to the systemd journal, which reads `<3>` prefixes as priorities. */
  readonly stderrIsJournal: boolean;
  /** Characters in a line of stderr's terminal; 80 when it is none. */
  columns(): number;
  /** Resolves when the bytes are handed over, also when the reader has gone. */
  out(data: string | Uint8Array): Promise<void>;
  err(text: string): void;
  /** Resolves when everything written to stderr is handed over. */
  flush(): Promise<void>;
  /** Undefined when there is no terminal to ask on. `hidden` shows nothing of what is typed. */
  readonly ask:
    | ((question: string, options?: { readonly hidden?: boolean }) => Promise<string>)
    | undefined;
}

/** The terminal of this process. `signal` ends a question that is waiting. */
export async function realTerminal(
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<Terminal> {
  const [stdoutIsTerminal, stderrIsTerminal] = [isatty(1), isatty(2)];
  const canAsk = stderrIsTerminal && (isatty(0) || (await hasControllingTerminal()));
  return {
    stdoutIsTerminal,
    stderrIsTerminal,
    stderrIsJournal: isJournal(env["JOURNAL_STREAM"]),
    columns: () => (stderrIsTerminal && process.stderr.columns > 0 ? process.stderr.columns : 80),
    out: (data) => Promise.resolve(writeWhole(1, data)),
    err: (text) => writeWhole(2, text),
    flush: () => Promise.resolve(),
    ask: canAsk ? (question, options = {}) => ask(question, { ...options, signal }) : undefined,
  };
}

/**
 * JOURNAL_STREAM is inherited by every child of a unit, so systemd.exec(5)
 * asks to compare it with the stream itself.
 */
function isJournal(stream: string | undefined): boolean {
  if (stream === undefined || stream === "") return false;
  try {
    const { dev, ino } = fstatSync(2, { bigint: true });
    return stream === `${dev}:${ino}`;
  } catch {
    return false;
  }
}

async function hasControllingTerminal(): Promise<boolean> {
  try {
    await (await open("/dev/tty", "r+")).close();
    return true;
  } catch {
    return false;
  }
}

async function ask(
  question: string,
  options: { readonly hidden?: boolean; readonly signal: AbortSignal },
): Promise<string> {
  options.signal.throwIfAborted();
  const input = await openInput();
  try {
    // Before the question is seen: from then on somebody may type a passphrase, which the terminal would show.
    if (options.hidden === true) input.setRawMode(true);
    writeWhole(2, question);
    return await readLine(input, options);
  } finally {
    if (input.isRaw) input.setRawMode(false);
    if (options.hidden === true) writeWhole(2, "\n");
    if (input === process.stdin) input.pause();
    else input.destroy();
  }
}

async function openInput(): Promise<ReadStream> {
  if (process.stdin.isTTY) return process.stdin;
  const handle = await open("/dev/tty", "r+");
  return new ReadStream(handle.fd);
}

function readLine(
  input: ReadStream,
  options: { readonly hidden?: boolean; readonly signal: AbortSignal },
): Promise<string> {
  const decoder = new TextDecoder();
  return new Promise((resolve, reject) => {
    let line = "";
    const settle = (action: () => void): void => {
      input.off("data", onData);
      input.off("end", onEnd);
      options.signal.removeEventListener("abort", onAbort);
      action();
    };
    const onEnd = (): void => settle(() => resolve(line));
    const onAbort = (): void => settle(() => reject(reasonOf(options.signal)));
    const onData = (chunk: Uint8Array): void => {
      for (const character of decoder.decode(chunk, { stream: true })) {
        if (character === "\n" || character === "\r") return settle(() => resolve(line));
        if (options.hidden === true && character === "\u0003")
          return settle(() => reject(stopped()));
        if (options.hidden === true && character === "\u0004") return onEnd();
        if (options.hidden === true && character === "\u007f")
          line = Array.from(line).slice(0, -1).join("");
        else line += character;
      }
    };
    input.on("data", onData);
    input.on("end", onEnd);
    options.signal.addEventListener("abort", onAbort, { once: true });
    input.resume();
  });
}

function stopped(): OperatorError {
  return new OperatorError("interrupted", "INTERRUPTED", "stopped at the question");
}

function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : stopped();
}
