/** A PostgreSQL connection by the client inside Bun: no psql on the host. */
export interface PostgresAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Undefined: none is sent. */
  readonly password: string | undefined;
  readonly database: string;
}

export interface PostgresConnection extends AsyncDisposable {
  /** Rows as objects of text columns. The text goes as one simple query: poolers' own SHOW commands know no other. */
  query(text: string): Promise<readonly Readonly<Record<string, unknown>>[]>;
}

/**
 * Opens one connection of its own; nothing is pooled or tried again. Throws the
 * client's error (its message holds no password), or a TimeoutError.
 */
export async function connectPostgres(
  address: PostgresAddress,
  options: { readonly timeout: number; readonly signal: AbortSignal },
): Promise<PostgresConnection> {
  const { SQL } = await import("bun"); // so that the rest loads under Deno
  const sql = new SQL({
    adapter: "postgres",
    hostname: address.host,
    port: address.port,
    username: address.user,
    database: address.database,
    ...(address.password === undefined ? {} : { password: address.password }),
    max: 1,
    prepare: false,
    idleTimeout: 0,
    maxLifetime: 0,
    connectionTimeout: Math.max(1, Math.ceil(options.timeout / 1000)),
    tls: false,
  });
  const close = async (): Promise<void> => {
    try {
      await sql.close({ timeout: 0 });
    } catch {
      // Already gone: that is what was wanted.
    }
  };
  // Reserved: the pool would quietly open another connection when this one breaks, and a drill would not see it.
  let connection: Awaited<ReturnType<typeof sql.reserve>>;
  try {
    connection = await within(sql.reserve(), options);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    async query(text) {
      const rows: unknown = await within(connection.unsafe(text).simple(), options);
      return Array.isArray(rows) ? rows.filter(isRow) : [];
    },
    [Symbol.asyncDispose]: close,
  };
}

function isRow(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

/** A server that was killed may never answer, and a connection to it never break. */
async function within<T>(
  work: PromiseLike<T>,
  { timeout, signal }: { readonly timeout: number; readonly signal: AbortSignal },
): Promise<T> {
  const either = AbortSignal.any([signal, AbortSignal.timeout(timeout)]);
  const promise = Promise.resolve(work);
  promise.catch(() => undefined); // it may fail after nobody waits for it any more
  let stop = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(either.reason);
    either.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    either.removeEventListener("abort", stop);
  }
}
