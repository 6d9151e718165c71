/** The API server says it is ready: the first of the checks, and not enough. */
import { untilReady } from "../ready.ts";
import type { Host } from "../../sys/host.ts";
import type { Settings } from "../settings.ts";
import type { HealthCheck } from "./types.ts";

export async function checkReady(host: Host, settings: Settings): Promise<HealthCheck> {
  const started = host.monotonic();
  const problem = await untilReady(host, settings);
  const seconds = ((host.monotonic() - started) / 1000).toFixed(1);
  return problem === undefined
    ? { id: "ready", passed: true, detail: `API ready after ${seconds} s` }
    : {
        id: "ready",
        passed: false,
        detail: `the API was not ready after ${seconds} s: ${problem}`,
      };
}
