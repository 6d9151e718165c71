/**
 * What a controller sees that stays alive while its cluster is restored: etcd begins
 * to count again where the backup ended (etcd#16028, kubernetes#118501), and a client
 * that has seen later numbers is told nothing. The client here is client-go's own
 * informer, as every operator has it; that it belongs on the operator's list at the
 * end of a restore is shown by what it believes.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import * as v from "valibot";
import { skipWithoutLab, startBareServer } from "../lab/server.ts";
import { PROGRAM, giveKey } from "./workload.ts";
import { makeObject, restore, until } from "./restore-host.ts";
import type { BareServer } from "../lab/server.ts";

const BELIEF = "/root/belief.json";
const CONFIGMAPS = "/api/v1/namespaces/default/configmaps";

const beliefSchema = v.object({
  objects: v.record(v.string(), v.string()),
  resourceVersion: v.string(),
  events: v.array(v.string()),
});

describe.skipIf(skipWithoutLab())("a client that outlives a restore", () => {
  let server: BareServer;
  /** The last revision it saw before the restore. */
  let future = 0;
  /** Names it was told of until then. */
  let told = 0;
  let said = "";

  beforeAll(async () => {
    server = await startBareServer({ helm: false });
    await giveKey(server);
    await makeObject(server, "lasting");
    await makeObject(server, "doomed");
    await server.must(WORKLOADS);
    await server.must(`${PROGRAM} backup -q`);
    await startInformer();
    await server.kubectl("delete", "configmap", "doomed");
    await makeObject(server, "later");
    await server.must(`${manyObjects("passing", 60)} | k3s kubectl delete -f -`);
    await until("the informer knows all", async () => {
      const now = belief();
      return "later" in now.objects && now.events.at(-1)?.startsWith("delete passing") === true;
    });
    future = Number(belief().resourceVersion);
    told = belief().events.length;
    const result = await restore(server, "--yes");
    expect({ exit: result.exitCode, stderr: result.stderr }).toEqual({
      exit: 0,
      stderr: expect.stringContaining("K3s is free again"),
    });
    said = result.stdout;
  }, 240_000);
  afterAll(() => server[Symbol.asyncDispose]());

  async function startInformer(): Promise<void> {
    server.remove(BELIEF);
    await server.must(
      `systemd-run --quiet --collect --unit=informer /usr/local/lib/k3s-lab/lab-informer -out ${BELIEF}`,
    );
    await until("the informer has listed", () => Promise.resolve(server.exists(BELIEF)));
  }

  function belief(): v.InferOutput<typeof beliefSchema> {
    return v.parse(beliefSchema, JSON.parse(server.read(BELIEF)));
  }

  /** Makes objects by one call, prints them as YAML. */
  function manyObjects(name: string, count: number): string {
    return `for i in $(seq ${count}); do printf -- '---\\napiVersion: v1\\nkind: ConfigMap\\nmetadata: {name: ${name}-%d}\\n' $i; done > /root/${name}.yaml; k3s kubectl create -f /root/${name}.yaml > /dev/null; cat /root/${name}.yaml`;
  }

  /** Names and resource versions as a client sees them that comes now. */
  async function truth(): Promise<Record<string, string>> {
    const text = await server.kubectl(
      "get",
      "configmaps",
      "-o",
      'jsonpath={range .items[*]}{.metadata.name} {.metadata.resourceVersion}{"\\n"}{end}',
    );
    return Object.fromEntries(
      text
        .trim()
        .split("\n")
        .map((line) => line.split(" ", 2)),
    );
  }

  test("keeps what the restore took away, and misses what it brought back", async () => {
    const real = await truth();
    expect(Object.keys(real).sort()).toEqual(["doomed", "kube-root-ca.crt", "lasting"]);
    expect(Object.keys(belief().objects).sort()).toEqual(["kube-root-ca.crt", "lasting", "later"]);
    expect(belief().events).toHaveLength(told);
  });

  test("a list at a revision of the future is put off (504), and a client asks again, for ever", async () => {
    const asked = `${CONFIGMAPS}?resourceVersion=${future}`;
    const { stdout, stderr, exitCode } = await server.run(
      `timeout 20 k3s kubectl get --raw '${asked}' -v=8`,
    );
    expect({ stdout, exitCode }).toEqual({ stdout: "", exitCode: 124 });
    expect(stderr.match(/status="504 Gateway Timeout"/g)?.length ?? 0).toBeGreaterThan(1);
    expect(stderr).toContain("Retry-After: 1");
  }, 200_000);

  test("a watch from there is accepted and silent until the cluster has counted up to it; what happens until then is lost", async () => {
    const last = Math.max(...Object.values(await truth()).map(Number));
    const count = future - last + 5;
    await server.must(`${manyObjects("new", count)} > /dev/null`);
    await until("the informer hears again", () =>
      Promise.resolve(`new-${count}` in belief().objects),
    );
    const real = await truth();
    const heard = Object.keys(real).filter((name) => Number(real[name]) > future);
    const missed = Object.keys(real).filter(
      (name) => name.startsWith("new-") && Number(real[name]) <= future,
    );
    expect(missed.length).toBeGreaterThan(20);
    expect(belief().events.slice(told).toSorted()).toEqual(
      heard.map((name) => `add ${name}`).toSorted(),
    );
    // It goes on for ever like that: no error, no new list.
    const { objects } = belief();
    expect("later" in objects).toBe(true);
    expect("doomed" in objects).toBe(false);
    expect(missed.filter((name) => name in objects)).toEqual([]);
  }, 200_000);

  test("started anew it sees what is there", async () => {
    await server.must("systemctl stop informer");
    await startInformer();
    expect(belief().objects).toEqual(await truth());
  });

  test("the restore says which ones to restart: those that may watch, and no others; its commands work", async () => {
    const left = said.split("\n").filter((line) => line.startsWith("left to do: "));
    expect(left).toEqual([
      "left to do: on each agent (a1, a2): systemctl restart k3s-agent",
      "left to do: what may still go by what it saw before: k3s kubectl -n ops rollout restart daemonset/by-group deployment/operator",
      "left to do: what may still go by what it saw before: k3s kubectl -n team rollout restart statefulset/by-default-account",
      "left to do: the same for programs elsewhere that watch this cluster (GitOps, CI, monitoring)",
    ]);
    for (const line of left) {
      const command = /: (k3s kubectl .*)$/.exec(line)?.[1];
      if (command !== undefined) await server.must(command);
    }
    const template = "{.spec.template.metadata.annotations}";
    const restarted = await server.kubectl(
      "-n",
      "ops",
      "get",
      "deployment",
      "operator",
      "-o",
      `jsonpath=${template}`,
    );
    expect(restarted).toContain("kubectl.kubernetes.io/restartedAt");
  });

  test("--json has every name", async () => {
    const { stdout } = await restore(server, "--yes --json");
    const { restart } = v.parse(v.looseObject({ restart: v.unknown() }), JSON.parse(stdout));
    expect(restart).toEqual({
      agents: ["a1", "a2"],
      workloads: [
        { kind: "DaemonSet", namespace: "ops", name: "by-group" },
        { kind: "Deployment", namespace: "ops", name: "operator" },
        { kind: "StatefulSet", namespace: "team", name: "by-default-account" },
      ],
      commands: [
        "k3s kubectl -n ops rollout restart daemonset/by-group deployment/operator",
        "k3s kubectl -n team rollout restart statefulset/by-default-account",
      ],
    });
  }, 300_000);
});

/** Agents, and workloads under accounts that may watch something, may only read, or may nothing. */
const WORKLOADS = `
workload() { # KIND NAMESPACE NAME ACCOUNT
  extra=; [ "$1" = StatefulSet ] && extra="  serviceName: x"
  printf -- '---\\napiVersion: apps/v1\\nkind: %s\\nmetadata: {name: %s, namespace: %s}\\nspec:\\n  selector: {matchLabels: {app: %s}}\\n  template:\\n    metadata: {labels: {app: %s}}\\n    spec:\\n      %s\\n      containers: [{name: x, image: x}]\\n%s\\n' \\
    "$1" "$3" "$2" "$3" "$3" "$([ -z "$4" ] || echo "serviceAccountName: $4")" "$extra"
}
k="k3s kubectl"
$k create namespace ops; $k create namespace team; $k create namespace plain
$k -n ops create serviceaccount op; $k -n plain create serviceaccount reader
$k create clusterrole watcher --verb=get,list,watch --resource=configmaps
$k create clusterrole reader --verb=get,list --resource=configmaps
$k create clusterrolebinding op --clusterrole=watcher --serviceaccount=ops:op
$k create clusterrolebinding reader --clusterrole=reader --serviceaccount=plain:reader
$k -n ops create serviceaccount other
$k -n ops create role all --verb='*' --resource=secrets
$k -n ops create rolebinding group --role=all --group=system:serviceaccounts:ops
$k -n team create rolebinding default --clusterrole=watcher --serviceaccount=team:default
{ workload Deployment ops operator op; workload DaemonSet ops by-group other
  workload StatefulSet team by-default-account ''
  workload Deployment plain reads-only reader; workload Deployment plain nothing ''
} | $k create -f -
for agent in a2 a1; do printf -- '---\\napiVersion: v1\\nkind: Node\\nmetadata: {name: %s}\\n' $agent; done | $k create -f -
`;
