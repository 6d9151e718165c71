/** A Redis connection by the client inside Bun: no redis-cli on the host. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
  /** Undefined: none is sent. */
  readonly password: string | undefined;
}

export interface RedisConnection extends AsyncDisposable {
  /** Sends one command; a text, number, null or list, as Redis answers. */
  send(command: string, ...args: readonly string[]): Promise<unknown>;
}

/** Opens one connection of its own; nothing is tried again. Throws the client's error, or a TimeoutError. */
export async function connectRedis(
  address: RedisAddress,
  options: { readonly timeout: number },
): Promise<RedisConnection> {
  const { RedisClient } = await import("bun"); // so that the rest loads under Deno
  // The client greets with HELLO as it connects, and a server with a password closes on a greeting without one.
  const login = address.password === undefined ? "" : `:${encodeURIComponent(address.password)}@`;
  const host = address.host.includes(":") ? `[${address.host}]` : address.host;
  const client = new RedisClient(`redis://${login}${host}:${address.port}`, {
    connectionTimeout: options.timeout,
    autoReconnect: false,
    enableOfflineQueue: false,
  });
  const within = async <T>(work: Promise<T>): Promise<T> => {
    work.catch(() => undefined); // it may fail after nobody waits for it any more
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      const error = new DOMException("no answer in time", "TimeoutError");
      timer = setTimeout(() => reject(error), options.timeout);
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      clearTimeout(timer);
    }
  };
  const connection: RedisConnection = {
    send: (command, ...args) => within<unknown>(client.send(command, [...args])),
    [Symbol.asyncDispose]: () => {
      client.close();
      return Promise.resolve();
    },
  };
  try {
    await within(client.connect());
    return connection;
  } catch (error) {
    client.close();
    throw error;
  }
}
