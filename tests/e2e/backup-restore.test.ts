/** The main job, on real input: a real etcd and API server, a real helm release, backed up, destroyed, brought back. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { skipWithoutLab, startBareServer } from "../lab/server.ts";
import {
  ARCHIVES,
  PROGRAM,
  giveKey,
  makeWorkload,
  stateOf,
  wipeCluster,
  withoutTransient,
} from "./workload.ts";
import type { BareServer } from "../lab/server.ts";
import type { ClusterState } from "./workload.ts";

describe.skipIf(skipWithoutLab())("backup and restore of a server with embedded etcd", () => {
  let server: BareServer;
  let before: ClusterState;
  let archive = "";

  beforeAll(async () => {
    server = await startBareServer({ tools: ["age", "zstd", "tar"] });
    const { secret } = await giveKey(server);
    server.write("/root/rescue-key.txt", `${secret}\n`);
    await makeWorkload(server);
    before = await stateOf(server);
  }, 120_000);
  afterAll(() => server[Symbol.asyncDispose]());

  test("backup works with an empty environment and prints the path alone on stdout", async () => {
    const result = await server.run(`env -i ${PROGRAM} backup`);
    expect(result.stderr).toContain("opens with this server's token");
    expect(result.exitCode).toBe(0);
    archive = result.stdout.trim();
    expect(archive).toMatch(
      /^\/opt\/backup\/railiance\/cluster\/railiance-cluster_[a-z0-9.-]+_s1_\d{8}T\d{6}Z_[0-9a-f]{8}\.tar\.zst\.age$/,
    );
  }, 60_000);

  test("the archive is 0600 in a 0700 folder, and only its sidecar stands beside it", async () => {
    const { stdout } = await server.run(
      `stat -c '%a %n' ${ARCHIVES} ${ARCHIVES}/*; ls -A ${ARCHIVES} | wc -l`,
    );
    expect(stdout).toContain(`700 ${ARCHIVES}\n`);
    expect(stdout).toContain(`600 ${archive}\n`);
    expect(stdout.trim().endsWith("2")).toBe(true);
  });

  test("our snapshot and every stage are gone afterwards", async () => {
    const { stdout } = await server.run(
      "ls /var/lib/rancher/k3s/server/db/snapshots; ls -d /dev/shm/railiance-* /run/railiance-stage-* /var/lib/railiance/cluster/railiance-stage-* 2>/dev/null; true",
    );
    expect(stdout.trim()).toBe("");
  });

  test("stock age, zstd and tar list it: runbook first, manifest second, snapshot last", async () => {
    const result = await server.run(`age -d -i /root/rescue-key.txt ${archive} | zstd -d | tar t`);
    const names = result.stdout.trim().split("\n");
    expect(names.slice(0, 2)).toEqual(["RUNBOOK.md", "manifest.json"]);
    expect(names.at(-1)).toBe("datastore/etcd-snapshot.db");
    for (const wanted of [
      "k3s/token",
      "k3s/kubeconfig.yaml",
      "files/etc/rancher/k3s/config.yaml",
      "files/etc/systemd/system/k3s.service",
      "files/etc/rancher/node/password",
      "helm/shop/shop/values.yaml",
      "helm/shop/shop/values-all.yaml",
      "helm/shop/shop/manifest.yaml",
      "helm/shop/shop/records/1.json",
      "helm/shop/shop/records/2.json",
    ]) {
      expect(names).toContain(wanted);
    }
    expect(names.some((name) => name.startsWith("helm-charts/kube-system/helmchart-traefik"))).toBe(
      true,
    );
  });

  test("verify reads it to its end, list knows it without a key, show names the release", async () => {
    const verified = await server.run(`${PROGRAM} verify --json`);
    expect(verified.exitCode).toBe(0);
    await server.must("mv /root/.config /root/.config-away");
    const listed = await server.run(`${PROGRAM} list`);
    await server.must("mv /root/.config-away /root/.config");
    expect(listed.stdout).toContain(archive.slice(archive.lastIndexOf("/") + 1));
    expect((await server.run(`${PROGRAM} show`)).stdout).toContain("shop");
  }, 60_000);

  test("values in the archive are what helm itself prints", async () => {
    const { stdout } = await server.run(
      `${PROGRAM} extract helm/shop/shop/values-all.yaml -o - -q`,
    );
    server.write("/root/ours.yaml", stdout);
    const rendered = await server.run(
      "helm template shop /root/chart -f /root/ours.yaml > /root/a; KUBECONFIG=/etc/rancher/k3s/k3s.yaml helm get manifest shop -n shop > /root/b; grep -v '^#' /root/a | sed '/^---$/d;/^$/d' > /root/a1; grep -v '^#' /root/b | sed '/^---$/d;/^$/d' > /root/b1; cmp /root/a1 /root/b1",
    );
    expect(rendered.stderr).toBe("");
    expect(rendered.exitCode).toBe(0);
  }, 30_000);

  test("restore --plan changes nothing", async () => {
    await server.kubectl("create", "configmap", "after", "--from-literal=state=after");
    const mark =
      "find /etc /var/lib/rancher/k3s/server/tls /var/lib/rancher/k3s/server/token /opt -xdev -type f -exec md5sum {} + | sort | md5sum";
    const first = await server.run(mark);
    const result = await server.run(`${PROGRAM} restore --plan`);
    expect(result.exitCode).toBe(0);
    expect(result.stdout).toMatch(/lost since +\+ 1 object created +default\/configmap\/after/);
    expect((await server.run(mark)).stdout).toBe(first.stdout);
    expect((await server.run("systemctl is-active k3s")).stdout.trim()).toBe("active");
  }, 60_000);

  test("restore without a terminal and without --yes is refused and changes nothing", async () => {
    const result = await server.run(`${PROGRAM} restore`);
    expect(result.exitCode).toBe(10);
    expect(result.stderr).toContain("--yes");
    expect((await server.run("systemctl is-active k3s")).stdout.trim()).toBe("active");
  }, 60_000);

  test("restore after the data folder is gone brings back every object with its UID, and the same CA", async () => {
    await wipeCluster(server);
    const result = await server.run(`env -i ${PROGRAM} restore --yes`, { timeout: 200_000 });
    expect(result.stderr).toContain("same CA");
    expect(result.stderr).toMatch(/lost since +not known: /);
    expect(result.exitCode).toBe(0);
    const after = await stateOf(server);
    expect(withoutTransient(after.uids)).toEqual(withoutTransient(before.uids));
    expect(after.clientAuthority).toBe(before.clientAuthority);
    expect(JSON.parse(after.helmList)).toEqual(JSON.parse(before.helmList));
    expect(after.helmValues).toBe(before.helmValues);
    await expect(server.kubectl("get", "configmap", "after")).rejects.toThrow("not found");
  }, 240_000);

  test("nothing is left that holds K3s back, and no plaintext", async () => {
    const { stdout } = await server.run(
      "ls /etc/systemd/system/k3s.service.d /run/railiance/cluster.start-allowed /var/lib/railiance/cluster/restore.journal 2>/dev/null; ls -d /var/lib/railiance/cluster/restore-*/archive /var/lib/railiance/cluster/railiance-stage-* 2>/dev/null; true",
    );
    expect(stdout.replace("/etc/systemd/system/k3s.service.d:", "").trim()).toBe("");
    await server.must("systemctl restart k3s", { timeout: 60_000 });
    expect(await server.kubectl("get", "configmap", "before", "-o", "jsonpath={.data.state}")).toBe(
      "before",
    );
  }, 90_000);

  test("a restore over a running cluster undoes what was made since, and keeps the old data aside", async () => {
    await server.kubectl("create", "configmap", "later", "--from-literal=state=later");
    const result = await server.run(`${PROGRAM} restore --yes --json`, { timeout: 200_000 });
    expect(result.exitCode).toBe(0);
    await expect(server.kubectl("get", "configmap", "later")).rejects.toThrow("not found");
    const { stdout } = await server.run(
      "ls -d /var/lib/rancher/k3s/server/before-*/db-etcd/member",
    );
    expect(stdout.trim().split("\n")).toHaveLength(1);
  }, 240_000);
});
