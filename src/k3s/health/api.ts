/** Asking an API server that may be away for a moment, as that of a cluster that has just started. */
import { OperatorError } from "../../errors.ts";
import { kubectlJson } from "../kubectl.ts";
import { waitFor } from "../service.ts";
import type { Host } from "../../sys/host.ts";
import type { Settings } from "../settings.ts";

export const ANSWER_TIMEOUT = 60_000;
export const NO_ANSWER = "the API server does not answer any more";

/** What an API path answers: the object, that there is none, or nothing at all just now. */
export type Answer =
  | { readonly found: true; readonly value: unknown }
  | { readonly found: false }
  | undefined;

/** Asks once. */
export async function tryAsk(host: Host, settings: Settings, path: string): Promise<Answer> {
  try {
    const value = await kubectlJson(host, settings, ["get", "--raw", path], { timeout: 15_000 });
    return { found: true, value };
  } catch (error) {
    if (!(error instanceof OperatorError) || error.exit !== "precondition") throw error;
    return error.code === "API_NOT_FOUND" ? { found: false } : undefined;
  }
}

/** Asks again while the API server is away; undefined when it stays so for a minute. */
export function ask(host: Host, settings: Settings, path: string): Promise<Answer> {
  return waitFor(host, () => tryAsk(host, settings, path), {
    timeout: ANSWER_TIMEOUT,
    interval: 500,
  });
}

/** The value of one try; undefined when there was none. */
export async function tryValue(host: Host, settings: Settings, path: string): Promise<unknown> {
  const answer = await tryAsk(host, settings, path);
  return answer?.found === true ? answer.value : undefined;
}
