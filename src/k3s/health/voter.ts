/** This server's etcd votes: K3s says so in a condition of its Node (1.26.11 and later). */
import { field, itemsIn, listIn, textIn } from "../json.ts";
import { waitFor } from "../service.ts";
import { NO_ANSWER, tryValue } from "./api.ts";
import { isOwnNode, nameOf } from "./node-names.ts";
import type { Host } from "../../sys/host.ts";
import type { HealthCheck, HealthExpectation } from "./types.ts";

/** K3s looks at its members every 15 s and promotes a learner that has caught up. */
const VOTER_TIMEOUT = 90_000;

/**
 * Waits until no condition says that this server does not vote. That it says so at
 * all is not asked for: older K3s does not, and K3s touches the condition only when
 * it changes or is five minutes old, so it cannot be asked to be new. That the
 * restored etcd has one member was seen before the start (app/restored-database.ts),
 * and a single member that answers writes is its own voter.
 */
export async function checkVoter(host: Host, expected: HealthExpectation): Promise<HealthCheck> {
  const id = "voter";
  let last: HealthCheck = { id, passed: false, detail: NO_ANSWER };
  await waitFor(
    host,
    async () => {
      last = (await lookOnce(host, expected)) ?? last;
      return last.passed ? true : undefined;
    },
    { timeout: VOTER_TIMEOUT, interval: 1000 },
  );
  return last;
}

async function lookOnce(host: Host, expected: HealthExpectation): Promise<HealthCheck | undefined> {
  const id = "voter";
  const list = await tryValue(host, expected.settings, "/api/v1/nodes");
  if (list === undefined) return undefined;
  const own = itemsIn(list).filter((node) => isOwnNode(nameOf(node) ?? "", { host, expected }));
  const conditions = own.flatMap((node) => listIn(field(node, "status"), "conditions"));
  const voter = conditions.filter((condition) => field(condition, "type") === "EtcdIsVoter");
  const refused = voter.find((condition) => field(condition, "status") !== "True");
  if (refused !== undefined) {
    const reason = textIn(refused, "message") ?? textIn(refused, "reason") ?? "no reason";
    return { id, passed: false, detail: `this server's etcd has no vote (${reason})` };
  }
  return {
    id,
    passed: true,
    detail: voter.length === 0 ? "this K3s does not say who votes" : "its etcd votes",
  };
}
