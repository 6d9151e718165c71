/** What a restored cluster knows of machines that are gone is named with what to type, and nothing of it deleted. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { skipWithoutLab, startBareServer } from "../lab/server.ts";
import { leftovers, objectsOf, restore, until } from "./restore-host.ts";
import { FROM_USB, plugIn, savedFrom, wipeHost } from "./usb.ts";
import type { BareServer } from "../lab/server.ts";
import type { Saved } from "./usb.ts";

const FOLDER = "/var/lib/rancher/k3s/storage/pvc-1";

/** A volume of K3s's local-path on node s1, held by a claim; and a worker that is long gone. */
const LOCAL = `k3s kubectl apply -f - <<'EOF'
apiVersion: v1
kind: PersistentVolume
metadata: {name: pvc-1}
spec:
  capacity: {storage: 1Gi}
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Retain
  storageClassName: local-path
  hostPath: {path: ${FOLDER}, type: DirectoryOrCreate}
  nodeAffinity:
    required:
      nodeSelectorTerms:
        - matchExpressions:
            - {key: kubernetes.io/hostname, operator: In, values: [s1]}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], storageClassName: local-path, volumeName: pvc-1, resources: {requests: {storage: 1Gi}}}
---
apiVersion: v1
kind: Node
metadata: {name: w1}
EOF
for attempt in $(seq 200); do
  test "$(k3s kubectl get pvc data -o 'jsonpath={.status.phase}')" = Bound && exit 0
  sleep 0.1
done
exit 1`;

interface Warned {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

describe.skipIf(skipWithoutLab())("nodes and volumes of machines that are gone", () => {
  let host: BareServer;
  let saved: Saved;

  beforeAll(async () => {
    saved = await savedFrom({}, LOCAL);
    host = await startBareServer({ cluster: false, helm: false, name: "s9" });
  }, 180_000);
  afterAll(() => host[Symbol.asyncDispose]());
  afterEach(async () => {
    expect(await leftovers(host)).toBe("");
    await wipeHost(host);
  }, 60_000);

  async function restored(flags: string): Promise<Warned[]> {
    plugIn(host, saved);
    const result = await restore(host, `--yes --json ${flags} ${FROM_USB}`);
    expect({ exit: result.exitCode, stderr: result.stderr }).toEqual({
      exit: 0,
      stderr: expect.stringContaining("same CA"),
    });
    const { warnings } = JSON.parse(result.stdout) as { warnings: Warned[] };
    return warnings;
  }

  async function bound(): Promise<boolean> {
    const path = "jsonpath={.status.phase}";
    const claim = await host.run(`k3s kubectl get pvc data -o '${path}'`);
    const volume = await host.run(`k3s kubectl get pv pvc-1 -o '${path}'`);
    return claim.stdout === "Bound" && volume.stdout === "Bound";
  }

  test("under its old name it keeps its volumes, and is told that their data is not there", async () => {
    const warnings = await restored("");
    expect(warnings.map(({ code }) => code).sort()).toEqual([
      "NODE_SILENT",
      "OTHER_HOST",
      "VOLUME_EMPTY",
    ]);
    const silent = warnings.find(({ code }) => code === "NODE_SILENT");
    expect(silent?.message).toContain("node w1 ");
    expect(silent?.hint).toContain("kubectl delete node w1");
    const empty = warnings.find(({ code }) => code === "VOLUME_EMPTY");
    expect(empty?.message).toContain(`volume pvc-1 of default/data belongs in ${FOLDER}`);
    expect(await objectsOf(host)).toBe(saved.objects);
    expect(await bound()).toBe(true);
  }, 120_000);

  test("data that was copied first is not asked for", async () => {
    host.write(`${FOLDER}/file`, "data");
    const warnings = await restored("");
    expect(warnings.map(({ code }) => code).sort()).toEqual(["NODE_SILENT", "OTHER_HOST"]);
  }, 120_000);

  test("as a new node, the old one and its volume are named; what it says moves the volume and deletes the node", async () => {
    const warnings = await restored("--new-node");
    expect(warnings.map(({ code }) => code).sort()).toEqual([
      "NODE_SILENT",
      "NODE_SILENT",
      "OTHER_HOST",
      "VOLUME_ELSEWHERE",
    ]);
    const nodes = await host.kubectl("get", "nodes", "-o", "name");
    expect(nodes.trim().split("\n").sort()).toEqual(["node/s1", "node/s9", "node/w1"]);
    const volume = warnings.find(({ code }) => code === "VOLUME_ELSEWHERE");
    expect(volume?.message).toContain(`volume pvc-1 of default/data lies in ${FOLDER} of s1`);
    const [move = ""] = (volume?.hint ?? "").split("; to give it up: ");
    const commands = move.split("; ").slice(1);
    expect(commands.length).toBe(4);
    await host.must(commands.join(" && "), { timeout: 60_000 });
    const affinity = "jsonpath={.spec.nodeAffinity.required..values[0]}";
    expect(await host.kubectl("get", "pv", "pvc-1", "-o", affinity)).toBe("s9");
    await until("the claim is bound again", bound);
    const old = warnings.find(
      ({ code, message }) => code === "NODE_SILENT" && message.includes("node s1 "),
    );
    await host.must(/\S*k3s kubectl delete node s1/.exec(old?.hint ?? "")?.[0] ?? "false");
  }, 120_000);
});

describe.skipIf(skipWithoutLab())("a node password the cluster does not know", () => {
  test("is recognised, and the command it gives mends it", async () => {
    // SQLite: with etcd K3s itself forgets the password of the server it restores.
    const saved = await savedFrom(
      { datastore: "sqlite" },
      "echo another > /etc/rancher/node/password",
    );
    await using host = await startBareServer({ cluster: false, helm: false });
    plugIn(host, saved);
    const kept = await restore(host, `--yes --keep ${FROM_USB}`);
    expect(kept.exitCode).toBe(1);
    expect(kept.stderr).toContain("the cluster knows node s1 under another password");
    const command = /\S*k3s kubectl -n kube-system delete secret s1\.node-password\.k3s/.exec(
      kept.stderr,
    );
    await host.must(command?.[0] ?? "false");
    await until("the node is heard of again", async () => {
      const lease = "get lease s1 -n kube-node-lease -o 'jsonpath={.spec.renewTime}'";
      const { stdout } = await host.run(`k3s kubectl ${lease}`);
      return Date.now() - new Date(stdout).getTime() < 5_000;
    });
    expect((await restore(host, "--resume")).exitCode).toBe(0);
    expect(await objectsOf(host)).toBe(saved.objects);
    expect(await leftovers(host)).toBe("");
  }, 300_000);
});
