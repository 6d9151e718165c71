/** A restored K3s that does not come up for a reason that is known: mended once, or explained. */
import { basename } from "node:path";
import { OperatorError } from "../errors.ts";
import { putGuard, openGuard } from "../k3s/guard.ts";
import { lastServiceLines, requireNoServer, startService, stopService } from "../k3s/service.ts";
import { forgetNodePassword, newerFilesIn, rejectedNode } from "../k3s/start-trouble.ts";
import { linkStatOf } from "../sys/files.ts";
import { moveDurably } from "../sys/moves.ts";
import { JOURNAL } from "./journal.ts";
import type { Settings } from "../k3s/settings.ts";
import type { Context } from "./context.ts";
import type { RestorePlan } from "./journal.ts";

const LINES = 300;

interface Checked {
  readonly checks: readonly { readonly passed: boolean; readonly detail: string }[];
}

/**
 * Runs the check; when K3s has ended because files on disk are newer than the
 * restored database, moves those aside, starts it again and checks once more.
 */
export async function checkMending<Report extends Checked>(
  input: { readonly context: Context; readonly plan: RestorePlan },
  check: () => Promise<Report>,
): Promise<Report> {
  const report = await check();
  const failed = report.checks.filter(({ passed }) => !passed);
  const files = newerFilesIn(failed.map(({ detail }) => detail).join("\n"));
  const moved = await moveNewer(input, files);
  return moved ? await check() : report;
}

async function moveNewer(
  { context, plan }: { readonly context: Context; readonly plan: RestorePlan },
  files: readonly string[],
): Promise<boolean> {
  const { host } = context;
  const server = `${plan.dataDir}/server`;
  // Only what K3s writes anew from its database, and only where a rollback would move it too.
  const ours = files.filter(
    (path) => /^\/(?:cred|tls)\//.test(path.slice(server.length)) && path.startsWith(server),
  );
  if (ours.length === 0 || ours.length < files.length) return false;
  const stamp = host.now().toISOString().replace(/[-:.]/g, "");
  // Of which restore it is, `doctor` wants to know.
  const aside = `${server}/newer-than-database-${stamp}-${plan.id.slice(0, "20261123T023107Z".length)}`;
  await putGuard(host, JOURNAL);
  await stopService(host);
  await requireNoServer(host);
  for (const path of ours) {
    if ((await linkStatOf(path)) === undefined) continue;
    await moveDurably(path, `${aside}/${basename(path)}`);
  }
  context.talk({
    type: "warning",
    code: "NEWER_THAN_DATABASE",
    message: `K3s took ${ours.join(", ")} for newer than the restored database and would not start; moved to ${aside}, K3s writes ${ours.length === 1 ? "it" : "them"} anew`,
  });
  await openGuard(host);
  await startService(host);
  return true;
}

interface NodeOf {
  readonly settings: Settings;
  readonly nodeName: string;
  /** The restored cluster stays although its check failed. */
  readonly keep: boolean;
}

/** What a failed check of the restored cluster means, when K3s's log says it: a hint with the exact commands. */
async function troubleHint(
  context: Context,
  from: NodeOf,
): Promise<{ readonly reason: string; readonly hint: string } | undefined> {
  const lines = await lastServiceLines(context.host, LINES);
  const node = rejectedNode(lines, from.nodeName);
  if (node === undefined) return undefined;
  const forget = forgetNodePassword(from.settings.k3s, node);
  return {
    reason: `the cluster knows node ${node} under another password than /etc/rancher/node/password here`,
    hint: from.keep
      ? `${forget}; then wait until the node is Ready`
      : `once more with --keep, then: ${forget}; when the node is Ready: railiance-cluster restore --resume`,
  };
}

/** The error for a restored cluster that is not well, with what K3s's log makes of it. */
export async function notWell(
  context: Context,
  report: Checked,
  from: NodeOf,
): Promise<OperatorError> {
  const failed = report.checks.filter(({ passed }) => !passed).map(({ detail }) => detail);
  const trouble = await troubleHint(context, from);
  const reasons = trouble === undefined ? failed : [...failed, trouble.reason];
  return new OperatorError(
    "error",
    "HEALTH",
    `the restored cluster is not well: ${reasons.join("; ")}`,
    { hint: trouble?.hint ?? "look at: journalctl -u k3s" },
  );
}
