/**
 * `bun build/ci-state.ts [CONTEXT] < statuses.json`: what became of the runs of a
 * commit. Gitea and Forgejo post a cancelled job as state `failure` and say so only
 * in the description (Gitea services/actions/commit_status.go), so that a run
 * which a newer push replaced looks like a failed one. Input: the answer of
 * `/api/v1/repos/OWNER/REPO/commits/REF/statuses`.
 */
import * as v from "valibot";

/** As exit codes: a script must not take "nobody knows" for "fine". */
export const CODES = { passed: 0, failed: 1, cancelled: 3, running: 4, unknown: 5 } as const;
export type RunState = keyof typeof CODES;

const statuses = v.array(
  v.object({
    id: v.number(),
    context: v.string(),
    /** GitHub's name is `state`. */
    status: v.optional(v.string()),
    state: v.optional(v.string()),
    description: v.nullish(v.string(), ""),
    target_url: v.nullish(v.string(), ""),
  }),
);
type Status = v.InferOutput<typeof statuses>[number];

/** "Has been cancelled"; newer: "Canceled after 12s". */
const CANCELLED = /^(?:has been )?cancell?ed\b/i;

/**
 * The state of each context (`railiance-tests / smoke (push)`) of parsed JSON; the
 * newest run decides, also when an older one is marked cancelled after it ended.
 * `wanted` keeps only contexts that begin so. Throws valibot's error for other JSON.
 */
export function runStates(json: unknown, wanted = ""): ReadonlyMap<string, RunState> {
  const newest = new Map<string, Status>();
  for (const status of v.parse(statuses, json)) {
    if (!status.context.startsWith(wanted)) continue;
    const known = newest.get(status.context);
    if (known === undefined || isNewer(status, known)) newest.set(status.context, status);
  }
  return new Map([...newest].map(([context, status]) => [context, stateOf(status)]));
}

/** One state for all: what most needs a person comes first. */
export function worstOf(states: Iterable<RunState>): RunState {
  const found = new Set(states);
  const order: readonly RunState[] = ["failed", "unknown", "cancelled", "running", "passed"];
  return order.find((state) => found.has(state)) ?? "unknown";
}

function isNewer(left: Status, right: Status): boolean {
  const [one, other] = [runNumber(left), runNumber(right)];
  return one === other ? left.id > right.id : one > other;
}

/** `/owner/repo/actions/runs/17/jobs/0`. */
function runNumber({ target_url: url }: Status): number {
  return Number(/\/actions\/runs\/(\d+)/.exec(url ?? "")?.[1] ?? 0);
}

function stateOf({ status, state, description }: Status): RunState {
  switch (status ?? state ?? "") {
    case "success":
      return "passed";
    case "pending":
      return "running";
    case "failure":
    case "error":
      return CANCELLED.test((description ?? "").trim()) ? "cancelled" : "failed";
    default:
      return "unknown";
  }
}

if (import.meta.main) {
  const [wanted] = process.argv.slice(2);
  const states = runStates(JSON.parse(await Bun.stdin.text()), wanted);
  for (const [context, state] of states) console.log(`${state}\t${context}`);
  if (states.size === 0) console.error(`no run${wanted === undefined ? "" : ` of ${wanted}`}`);
  process.exitCode = CODES[worstOf(states.values())];
}
