/** A run that was cancelled is no failure, whatever colour the forge gives it. */
import { describe, expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { CODES, runStates, worstOf } from "../../../build/ci-state.ts";

const CONTEXT = "railiance-tests / smoke (push)";
const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** As Gitea 1.25 answers, with fields we do not read. */
function status(id: number, state: string, description: string, run = id): Record<string, unknown> {
  return {
    id,
    status: state,
    description,
    context: CONTEXT,
    target_url: `/stack/cluster/actions/runs/${run}/jobs/0`,
    creator: null,
  };
}
const stateOf = (...statuses: Record<string, unknown>[]): string | undefined =>
  runStates(statuses).get(CONTEXT);

describe("the state of a run", () => {
  test("is cancelled, not failed, when the forge says so in its description", () => {
    for (const words of [
      "Has been cancelled",
      "Canceled after 12s",
      "Cancelled after 1m3s",
      " has been canceled",
    ]) {
      expect(stateOf(status(1, "failure", words))).toBe("cancelled");
    }
  });

  test("is failed when a job failed, also one that has the word in it", () => {
    for (const words of ["Failing after 3s", "", "smoke of the cancelled orders failed"]) {
      expect(stateOf(status(1, "failure", words))).toBe("failed");
    }
    expect(stateOf({ ...status(1, "error", ""), description: null })).toBe("failed");
  });

  test("is that of the newest run, in whatever order the forge lists them", () => {
    const old = status(1, "failure", "Failing after 3s");
    const recent = status(2, "success", "Successful in 4s");
    expect([stateOf(old, recent), stateOf(recent, old)]).toEqual(["passed", "passed"]);
    // The older run was marked cancelled after the newer one had ended.
    expect(
      stateOf(status(9, "failure", "Has been cancelled", 1), status(8, "failure", "Failing", 2)),
    ).toBe("failed");
  });

  test("reads GitHub's field too, and is unknown for a word it does not know", () => {
    const { status: state, ...rest } = status(1, "success", "");
    expect(stateOf({ ...rest, state })).toBe("passed");
    expect(stateOf(status(1, "warning", ""))).toBe("unknown");
    expect(stateOf(status(1, "pending", "Waiting to run"))).toBe("running");
  });

  test("of several is that which most needs a person; of none it is unknown", () => {
    expect(worstOf(["passed", "cancelled", "running"])).toBe("cancelled");
    expect(worstOf(["cancelled", "failed"])).toBe("failed");
    expect(worstOf([])).toBe("unknown");
  });

  test("reaches scripts as exit code and one line a context", () => {
    const run = (statuses: unknown, ...args: string[]): { code: number; out: string } => {
      const child = Bun.spawnSync([process.execPath, "build/ci-state.ts", ...args], {
        cwd: ROOT,
        stdin: new TextEncoder().encode(JSON.stringify(statuses)),
      });
      return { code: child.exitCode, out: child.stdout.toString() };
    };
    const cancelled = [status(1, "failure", "Has been cancelled")];
    expect(run(cancelled, "railiance-tests / smoke")).toEqual({
      code: 3,
      out: `cancelled\t${CONTEXT}\n`,
    });
    expect(run(cancelled, "railiance-drills").code).toBe(CODES.unknown);
    expect(run([status(1, "failure", "Failing after 3s")]).code).toBe(1);
    expect(run([status(1, "success", "")]).code).toBe(0);
  });
});
