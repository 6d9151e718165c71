/** Why a suite has failed although no test of it did. */
import type { Counts } from "./junit.ts";

/** Whoever sets one of these has promised to run everything: `make test-live` has a K3s for it. */
const PROMISES = ["CI", "K3S_BIN"] as const;

/** The reason in words; empty when there is none. */
export function troubleOf(
  { passed, failed, skipped }: Counts,
  run: { readonly exitCode: number; readonly env: Readonly<Record<string, string | undefined>> },
): string {
  const { exitCode, env } = run;
  if (passed + failed.length === 0) return `ran no test (exit ${exitCode})`;
  if (failed.length === 0 && exitCode !== 0) return `exit ${exitCode} although no test failed`;
  const promise = PROMISES.find((name) => (env[name] ?? "") !== "");
  if (skipped.length > 0 && promise !== undefined) return `a skipped test, with ${promise} set`;
  return "";
}
