/** A watch on the API, ended as soon as what was looked for has come. */
import { isObject } from "./kubectl.ts";
import type { Host } from "../sys/host.ts";
import type { KubectlServer } from "./kubectl.ts";

export interface WatchEvent {
  /** `ADDED`, `MODIFIED`, `DELETED`, `BOOKMARK`, `ERROR`. */
  readonly type: string;
  readonly object: unknown;
}

export interface WatchOptions<T> {
  /** With its query: `…?watch=true&resourceVersion=7`. */
  readonly path: string;
  /** Milliseconds. */
  readonly timeout: number;
  /** Called with each event until it gives something. */
  readonly take: (event: WatchEvent) => T | undefined;
}

/**
 * What `take` gave; undefined when the watch ended, failed or timed out before. Throws
 * when the host's signal aborts.
 */
export async function watchUntil<T>(
  host: Host,
  server: KubectlServer,
  { path, timeout, take }: WatchOptions<T>,
): Promise<T | undefined> {
  const enough = new AbortController();
  let found: T | undefined;
  let rest = "";
  const read = (text: string): void => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const event = eventIn(line);
      if (found === undefined && event !== undefined) found = take(event);
    }
    if (found !== undefined) enough.abort();
  };
  const command = [server.k3s, "kubectl", "get", "--raw", path];
  try {
    await host.run([...command, `--kubeconfig=${server.kubeconfig}`], {
      env: { KUBECONFIG: undefined, K3S_DATA_DIR: server.dataDir },
      timeout,
      signal: AbortSignal.any([host.signal, enough.signal]),
      onStdout: read,
    });
  } catch (error) {
    host.signal.throwIfAborted();
    if (!enough.signal.aborted) throw error;
  }
  return found;
}

function eventIn(line: string): WatchEvent | undefined {
  try {
    const value: unknown = JSON.parse(line);
    if (!isObject(value) || typeof value["type"] !== "string") return undefined;
    return { type: value["type"], object: value["object"] };
  } catch {
    return undefined; // kubectl may say something of its own
  }
}
