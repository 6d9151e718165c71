/** What a drill's client does again and again. */

export interface ProbeSession extends AsyncDisposable {
  /** One acknowledged unit of work. Throws when it is not acknowledged. */
  attempt(sequence: number): Promise<void>;
}

export interface Probe {
  /** Whether attempts write something that can be read back. */
  readonly writes: boolean;
  /** Whether one connection held open says more than fresh ones do. */
  readonly holds: boolean;
  readonly interval: number;
  readonly timeout: number;
  /** Makes what attempts write into. Throws an OperatorError. */
  prepare(): Promise<void>;
  /** A connection of its own. */
  open(): Promise<ProbeSession>;
  /** Sequence numbers of the attempts that are there now. */
  present(): Promise<ReadonlySet<number>>;
  /** Takes away what `prepare` made. */
  clear(): Promise<void>;
}

/** A word or two for an error of a probe: its kind, never its text, which may quote data. */
export function kindOfError(error: unknown): string {
  if (!(error instanceof Error)) return "error";
  const code: unknown = Reflect.get(error, "code");
  const number: unknown = Reflect.get(error, "errno");
  if (error.name === "TimeoutError") return "timeout";
  // PostgreSQL's five-character codes (25006: read-only) come as errno, and code is the client's own.
  if (typeof number === "string" && /^[0-9A-Z]{5}$/.test(number)) return `SQLSTATE ${number}`;
  if (typeof code === "string" && code !== "") return code.replace(/^ERR_(POSTGRES|REDIS)_/, "");
  const word = /^[A-Z]{4,}\b/.exec(error.message)?.[0]; // READONLY, LOADING, NOAUTH of Redis
  return word ?? error.name;
}
