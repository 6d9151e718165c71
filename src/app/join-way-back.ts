/**
 * Whether a server that joined a restored one may still leave it by having its
 * database moved away. With a vote it may not: of two voters the other one, the
 * restored server, would be left without quorum.
 */
import { OperatorError } from "../errors.ts";
import { openGuard } from "../k3s/guard.ts";
import { localMembership } from "../k3s/members.ts";
import {
  disableService,
  requireNoServer,
  startsAtBoot,
  startService,
  stopService,
} from "../k3s/service.ts";
import { UNIT } from "../k3s/unit.ts";
import { linkStatOf } from "../sys/files.ts";
import { readJournal } from "./journal.ts";
import type { Host } from "../sys/host.ts";
import type { RestorePlan } from "./journal.ts";

/**
 * For a server that joins; does nothing for a restore. Stops K3s to look, and
 * starts it again before it throws an OperatorError `HAS_VOTE` (exit refused).
 */
export async function requireNoVote(host: Host, plan: RestorePlan): Promise<void> {
  if (plan.join === undefined) return;
  const state = await readJournal();
  if (state?.begun.has("start") !== true || state.rollingBack) return;
  const old = plan.moves.find(({ from }) => from.endsWith("/db/etcd"));
  // Not moved aside, or back already: what lies there is the old database.
  if (old?.had === true && (await linkStatOf(old.to)) === undefined) return;
  await stopService(host);
  await requireNoServer(host);
  if ((await localMembership(plan.dataDir))?.isVoter !== true) return;
  await openGuard(host);
  await startService(host);
  throw new OperatorError(
    "refused",
    "HAS_VOTE",
    `this server has a vote in the cluster at ${plan.join.url} by now, which may lose its quorum without it`,
    {
      hint: "there is no way back to the old data (no --rollback); K3s was started again; finish: railiance-cluster restore --resume",
    },
  );
}

/**
 * For a server that does not join after all; does nothing for a restore. Whether its unit
 * was enabled before or not, two such servers with their old data would bring the old
 * cluster back at the next boot. Throws an OperatorError `SYSTEMD` when systemd would start
 * it all the same.
 */
export async function keepFromStarting(host: Host, plan: RestorePlan): Promise<void> {
  if (plan.join === undefined) return;
  await disableService(host);
  if (!(await startsAtBoot(host))) return;
  throw new OperatorError("error", "SYSTEMD", `systemctl disable ${UNIT} had no effect`, {
    hint: `look at: systemctl is-enabled ${UNIT}; K3s is held back; once more: railiance-cluster restore --rollback`,
  });
}

/** What is so when a server did not join, for a sentence. */
export const NOT_JOINED =
  "its old data is back in place and K3s is stopped; do not start it, it would bring the old cluster back beside the restored one: it is disabled, so that it does not start at the next boot either (only if the restored one is given up: systemctl enable --now k3s)";
