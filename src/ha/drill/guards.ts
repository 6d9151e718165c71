/** What has to be so before anything is killed. */
import { OperatorError } from "../../errors.ts";
import { spanText } from "../../words.ts";
import { podsOf } from "../cluster.ts";
import type { Cluster } from "../cluster.ts";
import type { Drill } from "./schema.ts";

export interface GuardInput {
  readonly drill: Drill;
  readonly cluster: Cluster | undefined;
  readonly now: Date;
  /** Of the newest local backup; undefined when there is none. */
  readonly newestBackup: Date | undefined;
}

/** Throws an OperatorError, exit refused, for the first guard that does not hold. */
export async function checkGuards({
  drill,
  cluster,
  now,
  newestBackup,
}: GuardInput): Promise<void> {
  const { guards } = drill;
  if (guards.window !== undefined && !insideWindow(guards.window, now)) {
    throw refused(
      "OUTSIDE_WINDOW",
      `it is ${clockOf(now)}, and this drill may run ${guards.window}`,
      "wait, or change guards.window",
    );
  }
  if (guards.maxBackupAge !== undefined) {
    const age = newestBackup === undefined ? undefined : now.getTime() - newestBackup.getTime();
    if (age === undefined || age > guards.maxBackupAge) {
      const what =
        age === undefined
          ? "there is no backup on this host"
          : `the newest backup is ${spanText(age)} old`;
      throw refused(
        "BACKUP_TOO_OLD",
        `${what}, and this drill wants one of the last ${spanText(guards.maxBackupAge)}`,
        "make one first: railiance-cluster backup",
      );
    }
  }
  if (guards.healthyReplicas !== undefined) {
    // A guard that cannot be looked at does not hold.
    if (drill.component === undefined || cluster === undefined) {
      throw refused(
        "REPLICAS_UNKNOWN",
        `this drill wants ${guards.healthyReplicas} ready pods, and ${cluster === undefined ? "no cluster is at hand" : "it names no component"}`,
        "run it on a K3s server, with component: {namespace: …, release: …} in the drill file",
      );
    }
    const { namespace, release } = drill.component;
    const selector = `app.kubernetes.io/instance=${release}`;
    const ready = (await podsOf(cluster, { namespace, selector })).filter((pod) => pod.ready);
    if (ready.length < guards.healthyReplicas) {
      throw refused(
        "TOO_FEW_REPLICAS",
        `${ready.length} pods of ${namespace}/${release} are ready, and this drill wants ${guards.healthyReplicas}`,
        `see: k3s kubectl -n ${namespace} get pods -l ${selector}`,
      );
    }
  }
}

/** The label that marks what may be killed. Throws an OperatorError `LABEL_MISSING`. */
export function requireLabel(
  drill: Drill,
  victim: { readonly text: string; readonly labels: Readonly<Record<string, string>> },
): void {
  const wanted = drill.guards.requireLabel;
  if (wanted === undefined) return;
  const [key = "", value = ""] = wanted.split("=", 2);
  if (victim.labels[key] === value) return;
  throw refused(
    "LABEL_MISSING",
    `${victim.text} does not carry the label ${wanted}`,
    `nothing was killed; ${labelCommand(victim.text, wanted)}`,
  );
}

function labelCommand(text: string, wanted: string): string {
  const found = /^(pod|node) (?:([^/ ]+)\/)?(\S+)$/.exec(text);
  if (found === null) return "only pods and nodes have labels: take guards.requireLabel away";
  const [, kind = "", namespace, name = ""] = found;
  const where = namespace === undefined ? "" : ` -n ${namespace}`;
  return `if it may be: k3s kubectl${where} label ${kind} ${name} ${wanted}`;
}

function refused(code: string, message: string, hint: string): OperatorError {
  return new OperatorError("refused", code, message, { hint });
}

function clockOf(time: Date): string {
  return `${String(time.getHours()).padStart(2, "0")}:${String(time.getMinutes()).padStart(2, "0")}`;
}

/** `22:00-05:00` goes over midnight; the end does not belong to it. */
export function insideWindow(window: string, now: Date): boolean {
  const [from = "", until = ""] = window.split("-");
  const clock = clockOf(now);
  return from <= until ? clock >= from && clock < until : clock >= from || clock < until;
}
