/** Reading the cluster's API through `k3s kubectl`: one document, or a long list page by page. */
import { OperatorError } from "../errors.ts";
import { tailOf } from "../sys/exec.ts";
import type { Host } from "../sys/host.ts";
import type { RunResult } from "../sys/exec.ts";

/** What is needed to reach the API server of this host. */
export interface KubectlServer {
  /** Absolute path or name on PATH of the k3s program. */
  readonly k3s: string;
  readonly kubeconfig: string;
  readonly dataDir: string;
}

export interface KubectlOptions {
  /** Milliseconds for the whole command. Default 60,000. */
  readonly timeout?: number;
  /** Bytes of answer accepted; more is an OperatorError `OUTPUT_TOO_LARGE`. Default 64 MiB. */
  readonly maxOutput?: number;
}

export interface ListOptions extends KubectlOptions {
  /** As in the API: `owner=helm`. */
  readonly labelSelector?: string;
  /** Objects of the first page; later pages follow the size of the objects. Default 8. */
  readonly limit?: number;
}

export type JsonObject = Readonly<Record<string, unknown>>;

const MIB = 1024 * 1024;
const TIMEOUT = 60_000;
/** A page of this size keeps the process small (a release record has up to 1.4 MB of JSON) and costs few processes. */
const PAGE_TARGET = 4 * MIB;
const PAGE_MAX = 16 * MIB;
const LIMIT_MAX = 500;
const RESTARTS = 5;

const UNREACHABLE =
  /connection to the server|unable to connect|connection refused|timeout|timed out|deadline exceeded|\(ServiceUnavailable\)|\bEOF$/iu;

/**
 * Runs `k3s kubectl ARGS` and returns its stdout as parsed JSON. Throws an
 * OperatorError (exit "precondition"): `API_UNREACHABLE`, `API_NOT_FOUND` (the
 * API server does not serve such a path), `API_EXPIRED` (a list went stale),
 * `KUBECTL_FAILED` for everything else, each with kubectl's last line.
 */
export async function kubectlJson(
  host: Host,
  server: KubectlServer,
  args: readonly string[],
  options: KubectlOptions = {},
): Promise<unknown> {
  return parseAnswer(await kubectlText(host, server, { args, ...options }));
}

/**
 * All objects below an API path ("/api/v1/secrets"), page by page, so that only
 * one page is in memory. When the list goes stale between two pages (410, after
 * five minutes), it starts again and leaves out what was given already, by uid:
 * every object that was there all the time comes exactly once. Throws as
 * `kubectlJson` does.
 */
export async function* listAll(
  host: Host,
  server: KubectlServer,
  path: string,
  options: ListOptions = {},
): AsyncGenerator<JsonObject, void, undefined> {
  const given = new Set<string>();
  for (let restart = 0; ; restart += 1) {
    try {
      for await (const item of listOnce(host, server, { path, ...options })) {
        const uid = uidOf(item);
        if (uid !== undefined && given.has(uid)) continue;
        if (uid !== undefined) given.add(uid);
        yield item;
      }
      return;
    } catch (error) {
      const expired = error instanceof OperatorError && error.code === "API_EXPIRED";
      if (!expired || restart >= RESTARTS) throw error;
    }
  }
}

async function* listOnce(
  host: Host,
  server: KubectlServer,
  { path, ...options }: ListOptions & { readonly path: string },
): AsyncGenerator<JsonObject, void, undefined> {
  let token: string | undefined;
  let limit = options.limit ?? 8;
  for (;;) {
    const query = pageQuery(path, { limit, token, labelSelector: options.labelSelector });
    // A single object is taken whatever its size; a page only up to a bound.
    const maxOutput = options.maxOutput ?? (limit === 1 ? 4 * PAGE_MAX : PAGE_MAX);
    let text: string;
    try {
      text = await kubectlText(host, server, { ...options, maxOutput, args: query });
    } catch (error) {
      if (!(error instanceof OperatorError) || error.code !== "OUTPUT_TOO_LARGE" || limit === 1) {
        throw error;
      }
      limit = Math.max(1, Math.floor(limit / 8));
      continue;
    }
    const page = parsePage(text);
    limit = nextLimit(limit, { bytes: text.length, count: page.items.length });
    text = "";
    token = page.next;
    yield* page.items;
    if (token === undefined) return;
  }
}

function pageQuery(
  path: string,
  options: { limit: number; token: string | undefined; labelSelector: string | undefined },
): string[] {
  const query = new URLSearchParams();
  if (options.labelSelector !== undefined) query.set("labelSelector", options.labelSelector);
  query.set("limit", String(options.limit));
  if (options.token !== undefined) query.set("continue", options.token);
  return ["get", "--raw", `${path}?${query.toString()}`];
}

/** Aims at PAGE_TARGET by the size of the objects just seen, growing at most fourfold at a time. */
function nextLimit(limit: number, page: { bytes: number; count: number }): number {
  if (page.count === 0) return limit;
  const fitting = Math.floor(PAGE_TARGET / (page.bytes / page.count));
  return Math.max(1, Math.min(fitting, limit * 4, LIMIT_MAX));
}

function parsePage(text: string): { items: JsonObject[]; next: string | undefined } {
  const answer = parseAnswer(text);
  // An empty list has `items: null` (k3s-observed.md).
  if (!isObject(answer) || !("items" in answer)) throw notJson("without a list in it");
  const items = answer["items"] ?? [];
  if (!Array.isArray(items)) throw notJson("without a list in it");
  const metadata = answer["metadata"];
  const next = isObject(metadata) ? metadata["continue"] : undefined;
  return {
    items: items.filter(isObject),
    next: typeof next === "string" && next !== "" ? next : undefined,
  };
}

async function kubectlText(
  host: Host,
  server: KubectlServer,
  { args, ...options }: KubectlOptions & { readonly args: readonly string[] },
): Promise<string> {
  const timeout = options.timeout ?? TIMEOUT;
  const requestTimeout = `--request-timeout=${Math.max(1, Math.ceil(timeout / 1000))}s`;
  // `--kubeconfig=` because `write-kubeconfig` may have moved it, where `k3s kubectl` does not look by itself.
  const kubeconfig = `--kubeconfig=${server.kubeconfig}`;
  const result = await host.run([server.k3s, "kubectl", ...args, kubeconfig, requestTimeout], {
    env: { KUBECONFIG: undefined, K3S_DATA_DIR: server.dataDir },
    timeout,
    ...(options.maxOutput === undefined ? {} : { maxOutput: options.maxOutput }),
  });
  if (result.timedOut) {
    const seconds = Math.round(timeout / 1000);
    throw failure("API_UNREACHABLE", `k3s kubectl gave no answer within ${seconds} s`);
  }
  if (result.exitCode !== 0) throw kubectlError(result);
  return result.stdout;
}

function kubectlError(result: RunResult): OperatorError {
  const said = tailOf(result, 1).slice(0, 300).replace(/\.$/u, "");
  const reason = said === "" ? "" : `: ${said}`;
  if (said.includes("(Expired)")) {
    return failure("API_EXPIRED", `the list went stale while it was read${reason}`);
  }
  if (said.includes("(NotFound)")) return failure("API_NOT_FOUND", `k3s kubectl failed${reason}`);
  if (UNREACHABLE.test(said)) {
    return failure("API_UNREACHABLE", `the API server cannot be reached${reason}`);
  }
  const ending = result.exitCode === null ? `by ${result.exitSignal}` : `with ${result.exitCode}`;
  return failure("KUBECTL_FAILED", `k3s kubectl ended ${ending}${reason}`);
}

function failure(code: string, message: string): OperatorError {
  return new OperatorError("precondition", code, message, {
    hint: "check that the server runs: k3s kubectl get --raw /readyz",
  });
}

function parseAnswer(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw notJson("that is not JSON"); // the text may hold secrets: not even a piece of it is shown
  }
}

function notJson(what: string): OperatorError {
  return failure("KUBECTL_FAILED", `k3s kubectl gave an answer ${what}`);
}

function uidOf(item: JsonObject): string | undefined {
  const metadata = item["metadata"];
  const uid = isObject(metadata) ? metadata["uid"] : undefined;
  return typeof uid === "string" ? uid : undefined;
}

/** Narrows parsed JSON to an object that is no array. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
