/** `diff` on a bare server with secrets encryption: what changed since an archive, and between two, without a value of anything. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import * as v from "valibot";
import { skipWithoutLab, startBareServer } from "../lab/server.ts";
import { ARCHIVES, PROGRAM, giveKey, helm, makeWorkload } from "./workload.ts";
import type { BareServer } from "../lab/server.ts";

const VALUES = /hunter2|hunter3|TOP-SECRET|AGE-SECRET-KEY/;

const objects = v.array(
  v.object({ object: v.string(), key: v.string(), uid: v.nullable(v.string()) }),
);
const changes = v.object({ count: v.number(), objects });
const side = v.object({
  kind: v.string(),
  revision: v.number(),
  cluster_id: v.string(),
  stopped: v.optional(v.boolean()),
});
const resultSchema = v.object({
  status: v.string(),
  older: side,
  newer: side,
  created: changes,
  changed: changes,
  recreated: changes,
  deleted: changes,
  unopened: v.number(),
  churn: v.object({ count: v.number(), by: v.record(v.string(), v.number()) }),
  helm: v.array(
    v.object({
      namespace: v.string(),
      name: v.string(),
      from: v.nullable(v.number()),
      to: v.nullable(v.number()),
    }),
  ),
});

describe.skipIf(skipWithoutLab())("diff", () => {
  let server: BareServer;
  let first = "";
  let second = "";

  beforeAll(async () => {
    // An empty start: the common template has no encryption.
    server = await startBareServer({ fresh: true, config: "secrets-encryption: true\n" });
    await giveKey(server);
    await makeWorkload(server);
    await server.kubectl("create", "configmap", "gone", "--from-literal=state=x");
    await server.kubectl("create", "secret", "generic", "anew", "--from-literal=v=hunter3");
    await settle();
    first = await backup();
  }, 180_000);
  afterAll(() => server[Symbol.asyncDispose]());

  async function backup(): Promise<string> {
    const result = await server.run(`${PROGRAM} backup`, { timeout: 60_000 });
    if (result.exitCode !== 0) throw new Error(result.stderr);
    return result.stdout.trim();
  }

  /** A cluster makes accounts and roles in its first seconds; waits until three seconds bring nothing new. */
  async function settle(): Promise<void> {
    const kinds =
      "serviceaccounts,configmaps,clusterroles,deployments,replicasets,pods,servicecidrs";
    const columns = "-o=custom-columns=:.kind,:.metadata.name,:.metadata.resourceVersion";
    let before = "";
    for (let round = 0; round < 20; round += 1) {
      const now = await server.kubectl("get", kinds, "-A", columns);
      if (now === before) return;
      before = now;
      await server.must("sleep 3");
    }
    throw new Error("the cluster does not come to rest");
  }

  async function json(args = "") {
    const { exitCode, stdout, stderr } = await server.run(`${PROGRAM} diff --all --json ${args}`);
    expect(exitCode).toBe(0);
    expect(`${stdout}${stderr}`).not.toMatch(VALUES);
    return v.parse(resultSchema, JSON.parse(stdout));
  }

  /** Names, without those that controllers make in their own time. */
  function names(found: v.InferOutput<typeof objects>): string[] {
    return found
      .map(({ object }) => object)
      .filter((name) => !/\/(?:pod|replicaset)\/|endpoint|kube-system/.test(name))
      .sort();
  }

  test("finds nothing of ours right after the backup, and counts the noise", async () => {
    await server.kubectl("annotate", "lease", "s1", "-n", "kube-node-lease", "touched=yes");
    const result = await json();
    expect(result.older.kind).toBe("archive");
    expect(result.newer.kind).toBe("live");
    for (const change of [result.created, result.changed, result.recreated, result.deleted]) {
      expect(names(change.objects)).toEqual([]);
    }
    expect(result.helm).toEqual([]);
    expect(result.unopened).toBe(0);
    expect(result.churn.by["leases"] ?? 0).toBeGreaterThan(0);
  }, 60_000);

  test("tells made, changed, deleted and made anew apart, with the UIDs that the API server has", async () => {
    await server.kubectl("create", "namespace", "db");
    await server.kubectl(
      "create",
      "secret",
      "generic",
      "pg",
      "-n",
      "db",
      "--from-literal=v=hunter2",
    );
    await server.kubectl("patch", "configmap", "before", "-p", '{"data":{"state":"TOP-SECRET"}}');
    await server.kubectl("patch", "secret", "password", "-p", '{"stringData":{"value":"hunter3"}}');
    await server.kubectl("delete", "configmap", "gone");
    await server.kubectl("delete", "secret", "anew");
    await server.kubectl("create", "secret", "generic", "anew", "--from-literal=v=hunter3");
    await helm(server, "upgrade shop /root/chart -n shop --set mail.host=other.example,replicas=2");
    const result = await json();
    expect(names(result.created.objects)).toEqual([
      "db/configmap/kube-root-ca.crt",
      "db/secret/pg",
      "db/serviceaccount/default",
      "namespace/db",
      "shop/secret/sh.helm.release.v1.shop.v3",
    ]);
    expect(names(result.changed.objects)).toEqual([
      "default/configmap/before",
      "default/secret/password",
      "shop/configmap/shop-mail",
      "shop/secret/sh.helm.release.v1.shop.v2",
    ]);
    expect(names(result.deleted.objects)).toEqual(["default/configmap/gone"]);
    expect(names(result.recreated.objects)).toEqual(["default/secret/anew"]);
    expect(result.helm).toEqual([{ namespace: "shop", name: "shop", from: 2, to: 3 }]);
    const uid = await server.kubectl("get", "secret", "anew", "-o", "jsonpath={.metadata.uid}");
    expect(result.recreated.objects.find(({ object }) => object.endsWith("/anew"))?.uid).toBe(uid);
  }, 90_000);

  test("says it in a few lines for people, and shows no value", async () => {
    const { exitCode, stdout, stderr } = await server.run(`${PROGRAM} diff`);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(
      /^older +\d{4}-.+\) +revision \d+ +\/opt\/backup\/.+\nnewer +.+ +live cluster, s1$/m,
    );
    expect(stdout).toMatch(/^\+ \d+ objects created {3,}.*db\/secret\/pg/m);
    expect(stdout).toMatch(/^- 1 object deleted +default\/configmap\/gone$/m);
    expect(stdout).toMatch(/^\* 1 object made anew +default\/secret\/anew$/m);
    expect(stdout).toContain("1 helm release moved: shop/shop 2 -> 3");
    expect(`${stdout}${stderr}`).not.toMatch(VALUES);
    const all = await server.run(`${PROGRAM} diff --all`);
    expect(all.stdout).toMatch(/^\. .*lease.*\(changed: leases\)$/m);
    expect(all.stdout).not.toMatch(VALUES);
  }, 90_000);

  test("leaves no snapshot, no stage and no plaintext behind", async () => {
    const { stdout } = await server.run(
      "ls /var/lib/rancher/k3s/server/db/snapshots; ls -d /dev/shm/railiance-* /run/railiance-stage-* /var/tmp/railiance-* /var/lib/railiance/cluster/railiance-stage-* 2>/dev/null; true",
    );
    expect(stdout.trim()).toBe("");
  });

  test("compares two archives without root, without K3s, and in the order they are given", async () => {
    second = await backup();
    await server.stopCluster();
    const copy = `install -d -o nobody /tmp/away && install -o nobody -m 600 ${ARCHIVES}/*.age /root/.config/sops/age/keys.txt /tmp/away/`;
    await server.must(copy);
    const [older, newer] = [first, second].map((path) => path.replace(ARCHIVES, "/tmp/away"));
    const argv = `${PROGRAM} diff --all --json -i /tmp/away/keys.txt`;
    const asNobody = (paths: string) =>
      server.run(`setpriv --reuid=nobody --clear-groups ${argv} ${paths}`);
    const result = await asNobody(`${older} ${newer}`);
    expect(result.exitCode).toBe(0);
    const forward = v.parse(resultSchema, JSON.parse(result.stdout));
    expect(names(forward.deleted.objects)).toEqual(["default/configmap/gone"]);
    expect(forward.helm).toEqual([{ namespace: "shop", name: "shop", from: 2, to: 3 }]);
    const turned = await asNobody(`${newer} ${older}`);
    expect(turned.stderr).toContain("is the newer one");
    const backward = v.parse(resultSchema, JSON.parse(turned.stdout));
    expect(names(backward.created.objects)).toEqual(["default/configmap/gone"]);
    expect(backward.deleted.count).toBe(forward.created.count);
    expect(result.stdout + turned.stdout).not.toMatch(VALUES);
  }, 90_000);

  test("reads the files of a K3s that is down, without a change to them, and says what needs root", async () => {
    const files = "find /var/lib/rancher/k3s/server/db -type f -exec md5sum {} + | sort";
    const before = await server.must(files);
    const down = await server.run(`${PROGRAM} diff ${first} --all --json`);
    expect(down.exitCode).toBe(0);
    const result = v.parse(resultSchema, JSON.parse(down.stdout));
    expect(result.newer.stopped).toBe(true);
    expect(names(result.deleted.objects)).toEqual(["default/configmap/gone"]);
    expect(names(result.created.objects)).toContain("db/secret/pg");
    expect(result.unopened).toBe(0);
    expect(await server.must(files)).toBe(before);
    const user = await server.run(`setpriv --reuid=nobody --clear-groups ${PROGRAM} diff`);
    expect(user.exitCode).toBe(5);
    expect(user.stderr).toContain("a comparison with the live cluster needs root");
  }, 60_000);

  test("refuses an archive of another cluster, unless it is forced", async () => {
    await server.must("rm -rf /var/lib/rancher/k3s");
    await server.startCluster();
    const refused = await server.run(`${PROGRAM} diff`);
    expect(refused.exitCode).toBe(10);
    expect(refused.stderr).toContain("two different clusters");
    const forced = await json("--force");
    expect(forced.older.cluster_id === forced.newer.cluster_id).toBe(false);
    expect(names(forced.deleted.objects)).toContain("default/configmap/before");
    expect(names(forced.recreated.objects)).toContain("namespace/default");
  }, 120_000);

  test("compares an archive of SQLite with the live database beside it, Secrets decrypted, and two of them", async () => {
    const config = "secrets-encryption: true\n";
    await using other = await startBareServer({ fresh: true, datastore: "sqlite", config });
    await giveKey(other);
    await other.kubectl("create", "secret", "generic", "kept", "--from-literal=v=hunter2");
    await other.kubectl("create", "secret", "generic", "anew", "--from-literal=v=hunter3");
    const run = async (args: string) => {
      const result = await other.run(`${PROGRAM} ${args}`, { timeout: 60_000 });
      expect({
        args,
        exit: result.exitCode,
        leak: VALUES.test(result.stdout + result.stderr),
      }).toEqual({
        args,
        exit: 0,
        leak: false,
      });
      return result.stdout.trim();
    };
    const before = await run("backup -q");
    await other.kubectl("create", "configmap", "made", "--from-literal=v=TOP-SECRET");
    await other.kubectl("delete", "secret", "anew");
    await other.kubectl("create", "secret", "generic", "anew", "--from-literal=v=hunter3");
    const live = v.parse(resultSchema, JSON.parse(await run("diff --all --json")));
    expect(names(live.created.objects).filter((name) => name.includes("made"))).toEqual([
      "default/configmap/made",
    ]);
    expect(names(live.recreated.objects)).toEqual(["default/secret/anew"]);
    expect(names(live.changed.objects).join()).not.toContain("kept");
    expect([live.unopened, live.newer.stopped]).toEqual([0, false]);
    const after = await run("backup -q");
    await other.stopCluster();
    const two = v.parse(
      resultSchema,
      JSON.parse(await run(`diff --all --json ${before} ${after}`)),
    );
    expect(names(two.recreated.objects)).toEqual(["default/secret/anew"]);
    const { stdout } = await other.run(
      "ls -d /dev/shm/railiance-* /run/railiance-stage-* /var/tmp/railiance-* /var/lib/railiance/cluster/railiance-stage-* 2>/dev/null; true",
    );
    expect(stdout.trim()).toBe("");
  }, 180_000);
});
