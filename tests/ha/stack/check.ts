/** One check of ours, as `ha smoke` and a steady state run it. */
import { runCheck } from "../../../src/ha/checks/run.ts";
import { parseCheck } from "../../../src/ha/drill/check-schema.ts";
import type { CheckOutcome } from "../../../src/ha/checks/outcome.ts";

/** `check` as it stands in a file. Throws when it is none. */
export async function askCheck(check: unknown): Promise<CheckOutcome> {
  const parsed = parseCheck(check);
  if (!("check" in parsed)) throw new Error(JSON.stringify(parsed.problems));
  return await runCheck(parsed.check, {
    cluster: undefined,
    signal: new AbortController().signal,
    now: () => performance.now(),
  });
}

/** The check of a pgpool with two backends. */
export function askPool(stack: { readonly port: number }): Promise<CheckOutcome> {
  const pgpool = { via: `127.0.0.1:${stack.port}`, nodes: 2 };
  return askCheck({ id: "pool", timeout: "10s", pgpool });
}
