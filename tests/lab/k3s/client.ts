/** How `k3s`'s client commands reach the supervisor of a running server. */
import { readFileSync } from "node:fs";
import { FrontError, log, textOf } from "./log.ts";
import { caHash, parseToken } from "./token.ts";

export interface Supervised {
  post(path: string, body: unknown): Promise<unknown>;
  get(path: string): Promise<unknown>;
}

/**
 * Checks the token against the server's CA as K3s does and returns a way to
 * talk to it. `url` is the API server's. Throws FrontError in K3s's words.
 */
export async function connect(
  url: string,
  options: { readonly token: string; readonly timeout?: number; readonly quiet?: boolean },
): Promise<Supervised> {
  const { hash, password } = parseToken(options.token);
  if (hash !== undefined && hash.length !== 64)
    throw new FrontError("invalid token CA hash length");
  const timeout = options.timeout ?? 120_000;
  const ca = await fetchAuthority(url, Math.min(timeout, 25_000));
  const actual = caHash(ca);
  if (hash === undefined) {
    if (options.quiet !== true) {
      log.warning(
        "Cluster CA certificate is not trusted by the host CA bundle, but the token does not include a CA hash. Use the full token from the server's node-token file to enable Cluster CA validation.",
      );
    }
  } else if (hash !== actual) {
    throw new FrontError(
      `token CA hash does not match the Cluster CA certificate hash: ${hash} != ${actual}`,
    );
  }
  const authorization = `Basic ${Buffer.from(`server:${password}`).toString("base64")}`;
  const send = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const response = await fetch(`${supervisorUrl(url)}${path}`, {
      method,
      headers: { authorization },
      tls: { rejectUnauthorized: false }, // the hash of its CA was compared
      signal: AbortSignal.timeout(timeout),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }).catch((error: unknown) => {
      throw lostConnection(`${method === "POST" ? "Post" : "Get"} "${url}${path}"`, error);
    });
    const answer: unknown = await response.json();
    if (response.ok) return answer;
    const message =
      answer !== null && typeof answer === "object" && "message" in answer ? answer.message : "";
    throw new FrontError(String(message));
  };
  return { post: (path, body) => send("POST", path, body), get: (path) => send("GET", path) };
}

/** The server's CA bundle, fetched without trust. Throws with Go's text of a refused or slow connection. */
async function fetchAuthority(url: string, timeout: number): Promise<Uint8Array> {
  try {
    const response = await fetch(`${supervisorUrl(url)}/cacerts`, {
      tls: { rejectUnauthorized: false },
      signal: AbortSignal.timeout(timeout),
    });
    return new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    const slow = error instanceof Error && error.name === "TimeoutError";
    const { host } = new URL(url);
    const reason = slow
      ? "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
      : `dial tcp ${host}: connect: connection refused`;
    throw new FrontError(`failed to get CA certs: Get "${url}/cacerts": ${reason}`);
  }
}

/** What Go says when an answer takes too long, or the server ends before it. */
function lostConnection(request: string, error: unknown): FrontError {
  const slow = error instanceof Error && error.name === "TimeoutError";
  return new FrontError(
    `${request}: ${slow ? "context deadline exceeded (Client.Timeout exceeded while awaiting headers)" : "EOF"}`,
  );
}

/** The token out of a file of the data dir; Go's text when it cannot be read. */
export function tokenFrom(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    const reason = textOf(error).includes("EACCES")
      ? "permission denied"
      : "no such file or directory";
    throw new FrontError(`open ${path}: ${reason}`);
  }
}

/** On this machine it is one port further than the API server, and speaks without TLS (supervisor.ts). */
function supervisorUrl(url: string): string {
  const { hostname, port, origin } = new URL(url);
  if (hostname !== "127.0.0.1") return origin;
  return `http://${hostname}:${Number(port || "443") + 1}`;
}
