/** Objects the backup remembers by their UID: in an empty or another cluster they have another one. */
import { field } from "../json.ts";
import { NO_ANSWER, ask } from "./api.ts";
import type { Host } from "../../sys/host.ts";
import type { Canary, CheckResult, HealthExpectation, HealthWarning } from "./types.ts";

/** Namespaces the API server itself makes when they are not there: nobody else removes them. */
const LASTING = /^\/api\/v1\/namespaces\/(?:kube-system|kube-public|kube-node-lease|default)$/;

/**
 * Fails for an object that is another one than in the backup. One of the cluster's
 * users that is not there at all only warns: a controller whose cache is from
 * before the restore may have removed it again by now.
 */
export async function checkCanaries(host: Host, expected: HealthExpectation): Promise<CheckResult> {
  const id = "canary";
  const { canaries } = expected;
  if (canaries.length === 0) {
    return { check: { id, passed: true, detail: "no canaries recorded" }, warnings: [] };
  }
  const gone: string[] = [];
  for (const canary of canaries) {
    const problem = await lookAt(host, expected, canary);
    if (problem === "gone") gone.push(shortName(canary));
    else if (problem !== undefined) {
      return { check: { id, passed: false, detail: problem }, warnings: [] };
    }
  }
  const same = canaries.length - gone.length;
  return {
    check: { id, passed: true, detail: `${same} of ${canaries.length} recorded objects the same` },
    warnings: gone.length === 0 ? [] : [goneWarning(gone)],
  };
}

async function lookAt(
  host: Host,
  { settings }: HealthExpectation,
  canary: Canary,
): Promise<string | undefined> {
  const answer = await ask(host, settings, canary.path);
  if (answer === undefined) return NO_ANSWER;
  const name = shortName(canary);
  if (!answer.found) return LASTING.test(canary.path) ? `${name} is not there` : "gone";
  const metadata = field(answer.value, "metadata");
  if (field(metadata, "uid") !== canary.uid) {
    return `${name} is not the one of the backup (another UID)`;
  }
  // It was not being deleted when it was saved.
  return field(metadata, "deletionTimestamp") === undefined ? undefined : "gone";
}

function goneWarning(names: readonly string[]): HealthWarning {
  return {
    code: "CANARY_GONE",
    message: `restored, and removed again or being removed since K3s started: ${names.join(", ")}`,
    hint: "a controller may still act on what it saw before the restore: restart the operators named at the end, then restore again",
  };
}

/** `namespace shop` for `/api/v1/namespaces/shop`. */
function shortName({ path }: Canary): string {
  const [kind = "", name = ""] = path.split("/").slice(-2);
  return `${kind.replace(/s$/, "")} ${name}`;
}
