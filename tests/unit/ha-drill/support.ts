/** Attempts and drills for the tests of this folder. */
import { parseDrill } from "../../../src/ha/drill/schema.ts";
import type { Attempt } from "../../../src/ha/drill/attempts.ts";
import type { Drill } from "../../../src/ha/drill/schema.ts";

/** `.` a success, `x` a failure, one each `every` ms, half of which it takes; the first ends at `every`. */
export function attemptsOf(
  pattern: string,
  options: { readonly every?: number; readonly stream?: Attempt["stream"] } = {},
): Attempt[] {
  const { every = 100, stream = "fresh" } = options;
  return Array.from(pattern, (letter, index) => ({
    sequence: index + 1,
    stream,
    began: (index + 0.5) * every,
    ended: (index + 1) * every,
    error: letter === "x" ? "ECONNREFUSED" : undefined,
  }));
}

export const SMALLEST = {
  apiVersion: "railiance/drill/v1",
  name: "some-drill",
  steadyState: [{ id: "answers", postgres: { via: "127.0.0.1:5432" } }],
  probe: { kind: "sql", via: "127.0.0.1:5432" },
  target: { resolve: "fixed", name: "s1" },
  kill: { method: "process", pidFile: "/run/some.pid" },
  recovery: { window: "30s" },
};

/** The smallest drill, with other fields. Throws when it is none. */
export function drillWith(fields: Readonly<Record<string, unknown>> = {}): Drill {
  const parsed = parseDrill({ ...SMALLEST, ...fields });
  if ("problems" in parsed) throw new Error(JSON.stringify(parsed.problems));
  return parsed.drill;
}
