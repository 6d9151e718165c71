/** What `backup` and `restore` do when a restore by hand is half done. */
import { OperatorError } from "../errors.ts";
import { serviceState } from "../k3s/service.ts";
import { hostProcesses } from "../sys/processes.ts";
import { failedText } from "./attempt-checks.ts";
import { readAttempt } from "./attempt-facts.ts";
import { judgeAttempt } from "./attempt-verdict.ts";
import type { AttemptFacts } from "./attempt-facts.ts";
import type { AttemptVerdict } from "./attempt-verdict.ts";
import type { Settings } from "../k3s/settings.ts";
import type { Host } from "../sys/host.ts";
import type { Warning } from "./context.ts";

const DOCTOR = "railiance-cluster doctor";
const RESET = /^\S*\bk3s\S*\s+server\b.*\s--cluster-reset\b/;

/**
 * Throws an OperatorError, exit refused: `RESET_RUNNING` while somebody resets this
 * server by hand, `MANUAL_RESET` when a reset failed and K3s runs, or would run, on something
 * else than this server's database. An archive of that would become the newest one.
 */
export async function refuseAttempt(host: Host, settings: Settings): Promise<void> {
  await refuseRunningReset();
  const { facts, verdict, up } = await judge(host, settings);
  if (verdict.state !== "failed") return;
  throw new OperatorError("refused", "MANUAL_RESET", failedText(facts, verdict, up), {
    hint: `nothing was written: a backup of it would become the newest one; the way back: ${DOCTOR}`,
  });
}

async function refuseRunningReset(): Promise<void> {
  const running = await resetRunning();
  if (running === undefined) return;
  throw new OperatorError(
    "refused",
    "RESET_RUNNING",
    `a k3s server --cluster-reset runs on this host (process ${running})`,
    { hint: `nothing was changed; wait until it has ended, then look at its result: ${DOCTOR}` },
  );
}

/**
 * What should be known before a restore goes over it: the database moved aside may be newer
 * than any archive. Throws `RESET_RUNNING` as `refuseAttempt` does.
 */
export async function attemptWarnings(host: Host, settings: Settings): Promise<Warning[]> {
  await refuseRunningReset();
  const { facts, verdict, up } = await judge(host, settings);
  if (verdict.state === "failed") {
    return [
      {
        code: "MANUAL_RESET",
        message: failedText(facts, verdict, up),
        hint: `going back to it loses less than a restore; how: ${DOCTOR}; a restore leaves it where it is`,
      },
    ];
  }
  if (facts.folder.etcd !== "tombstone") return [];
  return [
    {
      code: "TOMBSTONE",
      message: `this server was removed from its etcd cluster (${facts.folder.db}/etcd/tombstone); restored, it is a cluster of its own beside that one`,
      hint: `if the others still run, join them instead; how: ${DOCTOR}`,
    },
  ];
}

async function judge(
  host: Host,
  settings: Settings,
): Promise<{
  readonly facts: AttemptFacts;
  readonly verdict: AttemptVerdict;
  readonly up: boolean;
}> {
  const facts = await readAttempt(host, settings, { figures: false });
  const touched = facts.folder.etcdOld.length > 0 || facts.folder.resetFlag;
  const up = touched && (await serviceState(host)) === "active";
  return { facts, verdict: judgeAttempt(facts, up), up };
}

/** Number of a process that resets this server; undefined when there is none. */
export async function resetRunning(): Promise<number | undefined> {
  return (await hostProcesses()).find(({ command }) => RESET.test(command))?.pid;
}
