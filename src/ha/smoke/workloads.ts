/** Volumes, pods and K3s's own install jobs (facts/operations.md 5.1, row 7). */
import { count } from "../../words.ts";
import { fail, ok } from "./check.ts";
import { fullName, listAt, numberAt, objectsAt, some, textAt } from "./objects.ts";
import type { SmokeCheck, SmokeOutcome } from "./check.ts";

const STUCK = new Set([
  "CrashLoopBackOff",
  "ImagePullBackOff",
  "ErrImagePull",
  "ErrImageNeverPull",
  "InvalidImageName",
  "CreateContainerConfigError",
  "CreateContainerError",
  "RunContainerError",
]);

export const workloads: SmokeCheck = {
  id: "workloads",
  timeout: 40_000,
  hint: "look at: k3s kubectl get pods,pvc -A",
  async run({ cluster }) {
    return judgeWorkloads({
      claims: await objectsAt(cluster, "/api/v1/persistentvolumeclaims"),
      classes: await objectsAt(cluster, "/apis/storage.k8s.io/v1/storageclasses"),
      pods: await objectsAt(cluster, "/api/v1/pods"),
      jobs: await objectsAt(cluster, "/apis/batch/v1/jobs"),
    });
  },
};

export interface Workloads {
  readonly claims: readonly unknown[];
  readonly classes: readonly unknown[];
  readonly pods: readonly unknown[];
  readonly jobs: readonly unknown[];
}

/** All that is wrong goes into one sentence, for one thing often explains the other. */
export function judgeWorkloads(found: Workloads): SmokeOutcome {
  const claims = found.claims.filter((claim) => !isServed(claim, found));
  const stuck = found.pods.flatMap((pod) => {
    const reason = reasonStuck(pod);
    return reason === undefined ? [] : [{ pod, reason }];
  });
  const installs = found.jobs.filter((job) =>
    textAt(job, "metadata", "name").startsWith("helm-install-"),
  );
  const unfinished = installs.filter((job) => numberAt(job, "status", "succeeded") < 1);
  const problems = [
    claims.length > 0 ? `volume claims not bound: ${some(claims.map(claimText))}` : "",
    stuck.length > 0
      ? `stuck pods: ${some(stuck.map(({ pod, reason }) => `${fullName(pod)} (${reason})`))}`
      : "",
    unfinished.length > 0 ? `install jobs not succeeded: ${some(unfinished.map(fullName))}` : "",
  ].filter((text) => text !== "");
  if (problems.length > 0) return fail(problems.join("; "), hintFor({ claims, stuck, unfinished }));
  return ok(
    `${count(found.claims.length, "volume claim")}, ${count(found.pods.length, "pod")} none of them stuck, ${count(installs.length, "install job")} succeeded`,
  );
}

function claimText(claim: unknown): string {
  return `${fullName(claim)} (${textAt(claim, "status", "phase") || "no phase"})`;
}

/** Bound, or waiting for its first pod, as K3s's local-path volumes do while nobody uses them. */
function isServed(claim: unknown, { classes, pods }: Workloads): boolean {
  const phase = textAt(claim, "status", "phase");
  if (phase === "Bound") return true;
  if (phase !== "Pending") return false;
  const className = textAt(claim, "spec", "storageClassName");
  const waits = classes.some(
    (one) =>
      textAt(one, "metadata", "name") === className &&
      textAt(one, "volumeBindingMode") === "WaitForFirstConsumer",
  );
  return waits && !pods.some((pod) => uses(pod, claim));
}

function uses(pod: unknown, claim: unknown): boolean {
  return (
    textAt(pod, "metadata", "namespace") === textAt(claim, "metadata", "namespace") &&
    listAt(pod, "spec", "volumes").some(
      (volume) =>
        textAt(volume, "persistentVolumeClaim", "claimName") === textAt(claim, "metadata", "name"),
    )
  );
}

function reasonStuck(pod: unknown): string | undefined {
  return [
    ...listAt(pod, "status", "initContainerStatuses"),
    ...listAt(pod, "status", "containerStatuses"),
  ]
    .map((status) => textAt(status, "state", "waiting", "reason"))
    .find((reason) => STUCK.has(reason));
}

function hintFor(found: {
  readonly claims: readonly unknown[];
  readonly stuck: readonly { readonly pod: unknown }[];
  readonly unfinished: readonly unknown[];
}): string {
  const describe = (kind: string, object: unknown): string =>
    `look at: k3s kubectl -n ${textAt(object, "metadata", "namespace")} describe ${kind} ${textAt(object, "metadata", "name")}`;
  const [pod] = found.stuck;
  if (pod !== undefined) return describe("pod", pod.pod);
  const [claim] = found.claims;
  return claim === undefined ? describe("job", found.unfinished[0]) : describe("pvc", claim);
}
