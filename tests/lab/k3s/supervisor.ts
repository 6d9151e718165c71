/**
 * K3s's supervisor: what `etcd-snapshot`, `token` and joining servers talk to.
 * K3s has it on 6443 in front of the API server; here other machines find it
 * there too (gate.ts), and this one a port further than `https-listen-port` says, on
 * 6444, which K3s uses for its load balancer and where a second start beside a
 * running server fails in the same words.
 */
import { readFileSync } from "node:fs";
import { RawJson } from "./learners.ts";
import { FrontError, log, textOf } from "./log.ts";
import { readFromDisk } from "./bootstrap.ts";
import type { Settings } from "./settings.ts";
import type { Passwords } from "./users.ts";

/** One answer: a JSON value, or an error's text with its status. */
export type Answer = { readonly status: number; readonly body: unknown };
type Handler = (body: unknown) => Promise<Answer>;

export interface Supervisor extends Disposable {
  /** Until then every request but /cacerts gets 503. */
  open(passwords: Passwords): void;
  /** Answers POST (or GET) on a path, for the user `server` only. */
  handle(path: string, handler: Handler): void;
  /** Answers with TLS too, on a free port of this machine. */
  serveTls(tls: { readonly cert: string; readonly key: string }): { readonly port: number };
}

/** Starts listening. Throws FrontError with K3s's text when the port is taken. */
export function startSupervisor(settings: Settings): Supervisor {
  const port = settings.apiPort + 1;
  const handlers = new Map<string, Handler>();
  let passwords: Passwords | undefined;
  const answer = async (request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url);
    if (pathname === "/cacerts") {
      return new Response(readFileSync(settings.paths.serverCa));
    }
    if (passwords === undefined) return failure(503, "starting");
    const user = userOf(request, passwords);
    if (user === undefined) return failure(401, "not authorized");
    if (pathname === "/v1-k3s/readyz") return Response.json("ok");
    const handler = handlers.get(pathname);
    if (user !== "server") return failure(403, "not authorized");
    if (handler === undefined) return failure(404, "not found");
    const body: unknown = request.method === "POST" ? await request.json() : undefined;
    const { status, body: result } = await handler(body);
    if (result instanceof RawJson) {
      return new Response(result.text, { headers: { "content-type": "application/json" } });
    }
    return status === 200 ? Response.json(result) : failure(status, String(result));
  };
  const listen = (options: { port: number; tls?: { cert: string; key: string } }) =>
    Bun.serve({
      hostname: "127.0.0.1",
      idleTimeout: 255,
      fetch: (request) => answer(request).catch((error: unknown) => failure(500, textOf(error))),
      ...options,
    });
  const servers = [bind(port, () => listen({ port }))];
  return {
    open: (given) => (passwords = given),
    handle: (path, handler) => handlers.set(path, handler),
    serveTls(tls) {
      const server = listen({ port: 0, tls: { ...tls } });
      servers.push(server);
      return { port: server.port ?? 0 };
    },
    [Symbol.dispose]: () => {
      for (const server of servers) void server.stop(true);
    },
  };
}

function bind<T>(port: number, listen: () => T): T {
  try {
    return listen();
  } catch {
    const text = `listen tcp 127.0.0.1:${port}: bind: address already in use`;
    log.warning(`Error starting load balancer: ${text}`);
    throw new FrontError(text);
  }
}

/** The bootstrap data for a server that joins. */
export function bootstrapHandler(settings: Settings): Handler {
  return async () => ({
    status: 200,
    body: readFromDisk(settings.paths, settings.flags.on("secrets-encryption")),
  });
}

/** What K3s answers for an unexpected failure: the text goes to the log, a number to the client. */
export function internalError(subject: string, error: unknown): Answer {
  const id = `${subject} error ID ${10_000 + Math.floor(Math.random() * 90_000)}`;
  log.error(`${id}: ${textOf(error)}`);
  log.error(`Sending HTTP/1.1 500 response to 127.0.0.1:1: ${id}`);
  return { status: 500, body: `Internal error occurred: ${id}` };
}

function failure(status: number, message: string): Response {
  return Response.json({ message }, { status });
}

function userOf(request: Request, passwords: Passwords): "server" | "node" | undefined {
  const [, encoded = ""] = /^Basic (.+)$/.exec(request.headers.get("authorization") ?? "") ?? [];
  const credentials = Buffer.from(encoded, "base64").toString();
  const colon = credentials.indexOf(":");
  const password = credentials.slice(colon + 1);
  if (password === passwords.server)
    return credentials.slice(0, colon) === "node" ? "node" : "server";
  return password === passwords.node ? "node" : undefined;
}
