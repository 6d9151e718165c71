/**
 * Whether a server that joined a restored one may still leave it by having its
 * database moved away. With a vote it may not: of two voters the other one, the
 * restored server, would be left without quorum.
 */
import { OperatorError } from "../errors.ts";
import { openGuard } from "../k3s/guard.ts";
import { localMembership } from "../k3s/members.ts";
import { requireNoServer, startService, stopService } from "../k3s/service.ts";
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
