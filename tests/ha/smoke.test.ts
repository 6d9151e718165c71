/** `ha smoke` and smoke_kube.sh on a running cluster: all well, then one thing wrong after the other, each named. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import * as v from "valibot";
import { PROGRAM, giveKey, helm } from "../e2e/workload.ts";
import { skipWithoutLab, startBareServer } from "../lab/server.ts";
import { skipWithoutTraefik } from "../lab/places.ts";
import { applyServices, giveAddress, startServices } from "./stack/cluster.ts";
import { until } from "./stack/programs.ts";
import type { BareServer } from "../lab/server.ts";

const SCRIPT = resolve(import.meta.dirname, "../smoke_kube.sh");
const Result = v.object({
  status: v.string(),
  checks: v.array(
    v.object({
      id: v.string(),
      outcome: v.picklist(["ok", "fail", "skip"]),
      detail: v.string(),
      hint: v.optional(v.string()),
    }),
  ),
});
type Checks = v.InferOutput<typeof Result>["checks"];

describe.skipIf(skipWithoutLab() || skipWithoutTraefik())("smoke on a server", () => {
  let server: BareServer;

  beforeAll(async () => {
    server = await startBareServer({ pods: true });
    await giveKey(server);
    await startServices(server);
    server.write("/root/chart/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\n");
    server.write(
      "/root/chart/templates/c.yaml",
      "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shop}\n",
    );
    await helm(server, "install shop /root/chart");
    await server.must(`${PROGRAM} backup && ${PROGRAM} verify`, { timeout: 120_000 });
    server.write("/root/smoke_kube.sh", readFileSync(SCRIPT), 0o755);
  }, 300_000);
  afterAll(() => server[Symbol.asyncDispose]());

  async function smoke(
    flags = "",
  ): Promise<{ readonly exit: number | null; readonly checks: Checks }> {
    const { exitCode, stdout } = await server.run(
      `cd /root && ${PROGRAM} ha smoke --json ${flags}`,
      {
        timeout: 120_000,
      },
    );
    return { exit: exitCode, checks: v.parse(Result, JSON.parse(stdout)).checks };
  }

  async function failing(flags = ""): Promise<string[]> {
    const { exit, checks } = await smoke(flags);
    const failed = checks.filter(({ outcome }) => outcome === "fail");
    expect(exit).toBe(failed.length === 0 ? 0 : 12);
    for (const { hint } of failed) expect(hint ?? "").not.toBe("");
    return failed.map(({ id, detail }) => `${id}: ${detail}`);
  }

  /** The same with kubectl alone. */
  async function byScript(): Promise<{ readonly exit: number | null; readonly failed: string[] }> {
    const { exitCode, stdout } = await server.run("SMOKE_KUBECTL_ONLY=1 /root/smoke_kube.sh", {
      timeout: 120_000,
    });
    expect(stdout).toStartWith("TAP version 14\n");
    const points = stdout.split("\n").filter((line) => /^(not )?ok /.test(line));
    expect(stdout).toContain(`\n1..${points.length}\n`);
    const failed = points.flatMap((line) => /^not ok \d+ - (\S+)/.exec(line)?.[1] ?? []);
    expect(exitCode).toBe(failed.length === 0 ? 0 : 12);
    return { exit: exitCode, failed };
  }

  test("a cluster that is well passes all nine checks, and says that no component is checked", async () => {
    const { exit, checks } = await smoke("--nodes 1");
    expect(
      checks.map(
        ({ id, outcome, detail }) => `${id} ${outcome === "ok" ? "ok" : `${outcome}: ${detail}`}`,
      ),
    ).toEqual([
      "readyz ok",
      "nodes ok",
      "etcd ok",
      "dns ok",
      "traefik ok",
      "service-lb ok",
      "workloads ok",
      "helm ok",
      "backup ok",
      "components skip: no component is checked: there is no /root/ha/smoke.yaml",
    ]);
    expect(exit).toBe(0);
    const traefik = checks.find(({ id }) => id === "traefik")?.detail;
    expect(traefik).toBe("1 replica answer /ping; shop.example through 10.99.0.1:80 answers 200");
    expect(await byScript()).toEqual({ exit: 0, failed: [] });
  }, 240_000);

  test("--tap is TAP, and the script calls the executable when it is there", async () => {
    const { exitCode, stdout } = await server.run("cd /root && ./smoke_kube.sh --nodes 2", {
      timeout: 120_000,
    });
    expect(exitCode).toBe(12);
    const [first, plan, ...points] = stdout.split("\n");
    expect([first, plan]).toEqual(["TAP version 14", "1..10"]);
    expect(points.filter((line) => line.startsWith("not ok"))).toEqual(["not ok 2 - nodes"]);
    expect(stdout).toContain('  message: "1 node, 2 expected: s1"\n');
    expect(points.filter((line) => line.includes("# SKIP"))).toHaveLength(1);
  }, 120_000);

  test("a wrong number of nodes, a node closed for pods", async () => {
    expect(await failing("--nodes 3")).toEqual(["nodes: 1 node, 3 expected: s1"]);
    await server.kubectl("cordon", "s1");
    expect(await failing()).toEqual(["nodes: no pods may be put on s1"]);
    expect((await byScript()).failed).toEqual(["nodes"]);
    await server.kubectl("uncordon", "s1");
  }, 240_000);

  test("CoreDNS whose pod answers nothing", async () => {
    await server.kubectl("scale", "deployment/coredns", "-n", "kube-system", "--replicas=0");
    expect(await failing()).toEqual(["dns: kube-system/coredns is scaled to 0"]);
    expect((await byScript()).failed).toEqual(["dns"]);
    await server.kubectl("scale", "deployment/coredns", "-n", "kube-system", "--replicas=1");
    await server.kubectl(
      "patch",
      "service",
      "kube-dns",
      "-n",
      "kube-system",
      "-p",
      '{"spec":{"selector":{"k8s-app":"nobody"}}}',
    );
    await until("DNS says nothing", async () =>
      (await failing()).some((line) => line.startsWith("dns: no DNS answer")),
    );
    await server.kubectl(
      "patch",
      "service",
      "kube-dns",
      "-n",
      "kube-system",
      "-p",
      '{"spec":{"selector":{"k8s-app":"kube-dns"}}}',
    );
    await until("DNS is back", async () => (await failing()).length === 0);
  }, 240_000);

  test("Traefik runs and answers /ping, and its route leads nowhere", async () => {
    await server.kubectl("scale", "deployment/shop", "--replicas=0");
    const at = "traefik: shop.example through 10.99.0.1:80:";
    await until("nobody behind the route", async () =>
      (await failing()).includes(`${at} HTTP 503`),
    );
    await server.kubectl("delete", "ingressclass", "traefik");
    await until("no route", async () =>
      (await failing()).includes(`${at} no route (Traefik's 404)`),
    );
    await applyServices(server);
    await until("the shop is back", async () => (await failing()).length === 0);
  }, 240_000);

  test("a load balancer without an address", async () => {
    await giveAddress(server, "");
    expect(await failing()).toEqual([
      "traefik: kube-system/traefik has no load balancer address",
      "service-lb: without an address: kube-system/traefik",
    ]);
    expect((await byScript()).failed).toEqual(["service-lb"]);
    await giveAddress(server, "10.99.0.1");
  }, 240_000);

  test("a claim that a pod waits for, a job of K3s that failed, a release that is stuck, a pod that crashes", async () => {
    server.write(
      "/root/bad.yaml",
      `apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data, namespace: default}
spec: {accessModes: [ReadWriteOnce], storageClassName: local-path, resources: {requests: {storage: 1Mi}}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: helm-install-shop, namespace: kube-system}
spec: {backoffLimit: 0, template: {spec: {restartPolicy: Never, containers: [{name: x, image: none, command: ["false"]}]}}}
---
apiVersion: v1
kind: Pod
metadata: {name: crashes, namespace: default}
spec: {containers: [{name: x, image: none, command: ["false"]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: waits, namespace: default}
spec: {volumes: [{name: d, persistentVolumeClaim: {claimName: data}}], containers: [{name: x, image: none, command: [sleep, "9"]}]}
`,
    );
    await server.kubectl("apply", "-f", "/root/bad.yaml");
    await server.kubectl(
      "label",
      "secret",
      "sh.helm.release.v1.shop.v1",
      "status=pending-upgrade",
      "--overwrite",
    );
    await until("the pod is in its back-off", async () =>
      (await failing()).some((line) => line.includes("CrashLoopBackOff")),
    );
    const found = (await failing()).join("\n");
    expect(found).toContain("volume claims not bound: default/data (Pending)");
    expect(found).toContain("default/crashes (CrashLoopBackOff)");
    expect(found).toContain("install jobs not succeeded: kube-system/helm-install-shop");
    expect(found).toContain("helm: not deployed: default/shop (pending-upgrade, revision 1)");
    expect((await byScript()).failed).toEqual(["workloads", "helm"]);
    await server.kubectl("delete", "-f", "/root/bad.yaml", "--now");
    await server.kubectl(
      "label",
      "secret",
      "sh.helm.release.v1.shop.v1",
      "status=deployed",
      "--overwrite",
    );
    await until("all is well", async () => (await failing()).length === 0);
  }, 300_000);

  test("a backup that is too old, a last verify that failed", async () => {
    expect((await failing("--interval 0m")).join()).toContain("backup: the newest backup is");
    await server.run("cp -a /var/lib/railiance/results/cluster/verify.json /root/verify.json");
    await server.run(`${PROGRAM} verify no-such-archive`);
    expect((await failing()).join()).toContain("but the last verify ended not-found");
    await server.must("cp -a /root/verify.json /var/lib/railiance/results/cluster/verify.json");
  }, 120_000);

  test("components of ha/smoke.yaml are checked with the cluster's addresses and asked for on different nodes", async () => {
    server.write(
      "/root/ha/smoke.yaml",
      `- {id: dns-endpoints, endpoints: {namespace: kube-system, service: kube-dns, min: 1}}
- {id: router, endpoints: {namespace: kube-system, service: traefik, min: 2}}
- {id: shop, http: {url: "http://10.99.0.1/", host: shop.example, contains: the shop}}
`,
    );
    expect(await failing()).toEqual(["router: kube-system/traefik has 1 of 2 ready endpoints"]);
    server.remove("/root/ha/smoke.yaml");
  }, 120_000);

  test("with K3s down every check still ends, and says so", async () => {
    await server.stopCluster();
    const failed = await failing();
    expect(failed.map((line) => line.split(":")[0])).toEqual([
      "readyz",
      "nodes",
      "etcd",
      "dns",
      "traefik",
      "service-lb",
      "workloads",
      "helm",
    ]);
    const script = await byScript();
    expect(script.failed).toContain("readyz");
    expect(script.failed).toContain("workloads");
  }, 300_000);
});
