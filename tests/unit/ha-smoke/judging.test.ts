/** What each check of `ha smoke` makes of what it finds: well, then one thing wrong at a time. */
import { describe, expect, test } from "bun:test";
import { problemOfViews } from "../../../src/ha/checks/redis.ts";
import { judgeBackup } from "../../../src/ha/smoke/backup.ts";
import { judgeNodes, problemOfMembers } from "../../../src/ha/smoke/control-plane.ts";
import { isDisabled, judgeAnswer } from "../../../src/ha/smoke/dns.ts";
import { judgeReleases, parseRows } from "../../../src/ha/smoke/helm.ts";
import { rolloutProblem } from "../../../src/ha/smoke/objects.ts";
import { judgeBalancers } from "../../../src/ha/smoke/service-lb.ts";
import { judgeRouted, pingUrl, routedHost } from "../../../src/ha/smoke/traefik.ts";
import { judgeWorkloads } from "../../../src/ha/smoke/workloads.ts";
import { CLASSES, balancer, claim, daemonSet, deployment, job, pod } from "./objects.ts";
import type { SentinelView } from "../../../src/ha/checks/redis.ts";
import type { ClusterNode } from "../../../src/ha/cluster.ts";
import type { Workloads } from "../../../src/ha/smoke/workloads.ts";

function node(name: string, more: Partial<ClusterNode> = {}): ClusterNode {
  const empty = { osImage: "", addresses: [], labels: {}, annotations: {}, pressures: [] };
  return { name, ready: true, schedulable: true, etcdVoter: true, ...empty, ...more };
}

describe("nodes", () => {
  test("all Ready, and as many as declared", () => {
    expect(judgeNodes([node("s1"), node("s2")], 2).outcome).toBe("ok");
    expect(judgeNodes([node("s1")], undefined).detail).toContain("--nodes N");
  });
  test("one silent, one under pressure, one cordoned, one too few, none at all", () => {
    const said = (...nodes: readonly ClusterNode[]): string => judgeNodes(nodes, 2).detail;
    expect(said(node("s1"), node("s2", { ready: false }))).toBe("not Ready: s2");
    expect(said(node("s1", { pressures: ["DiskPressure"] }), node("s2"))).toBe(
      "node s1 has DiskPressure",
    );
    expect(said(node("s1", { schedulable: false }), node("s2"))).toBe("no pods may be put on s1");
    expect(said(node("s1"))).toBe("1 node, 2 expected: s1");
    expect(judgeNodes([], undefined).outcome).toBe("fail");
  });
});

describe("etcd", () => {
  const member = (name: string, learner = false) => ({
    id: name,
    name,
    url: `https://${name}:2379`,
    host: name,
    learner,
  });
  const three = [member("s1"), member("s2"), member("s3")];
  test("three voters are well; two, a learner, and a server that calls itself none are not", () => {
    expect(problemOfMembers(three, [node("s1")])).toBeUndefined();
    expect(problemOfMembers(three.slice(1), [])?.detail).toContain("2 voters: an even number");
    expect(problemOfMembers([...three, member("s4", true)], [])?.detail).toBe(
      "still a learner: s4",
    );
    expect(problemOfMembers(three, [node("s2", { etcdVoter: false })])?.detail).toBe(
      "not a voter: s2",
    );
    expect(problemOfMembers(three, [node("agent", { etcdVoter: undefined })])).toBeUndefined();
  });
});

describe("DNS", () => {
  test("a rollout is complete when its newest version is available in full", () => {
    expect(rolloutProblem(deployment())).toBeUndefined();
    expect(rolloutProblem(deployment({ observedGeneration: 2 }))).toContain(
      "no controller has seen",
    );
    expect(rolloutProblem(deployment({ updatedReplicas: 1 }))).toContain(
      "1 of 2 replicas of its newest",
    );
    expect(rolloutProblem(deployment({ replicas: 3 }))).toContain("older version");
    expect(rolloutProblem(deployment({ availableReplicas: 1 }))).toContain(
      "1 of 2 replicas available",
    );
    expect(rolloutProblem(deployment({}, 0))).toContain("scaled to 0");
  });
  test("the answer has to hold the Service's address", () => {
    const asked = {
      name: "kubernetes.default.svc.cluster.local",
      expected: "10.43.0.1",
      where: "x",
    };
    const judge = (status: string, addresses: readonly string[]) =>
      judgeAnswer({ status, addresses }, asked)?.detail;
    expect(judge("NOERROR", ["10.43.0.1"])).toBeUndefined();
    expect(judge("NXDOMAIN", [])).toContain("answers NXDOMAIN");
    expect(judge("NOERROR", ["10.0.0.9"])).toContain("is 10.0.0.9, not 10.43.0.1");
    expect(judge("NOERROR", [])).toContain("is nothing");
  });
  test("a part is switched off by a list or by commas", () => {
    const settings = (...values: readonly string[]) => ({ all: () => values });
    expect(isDisabled(settings("servicelb,traefik"), "traefik")).toBe(true);
    expect(isDisabled(settings("servicelb", "coredns"), "traefik")).toBe(false);
  });
});

describe("Traefik", () => {
  const withProbe = (port: unknown, podIP = "10.42.0.7") => ({
    status: { podIP },
    spec: {
      containers: [
        {
          ports: [{ name: "traefik", containerPort: 8080 }],
          readinessProbe: { httpGet: { path: "/ping", port } },
        },
      ],
    },
  });
  test("/ping is where the readiness probe says: a number, a name, IPv6", () => {
    expect(pingUrl(withProbe(9000))).toBe("http://10.42.0.7:9000/ping");
    expect(pingUrl(withProbe("traefik"))).toBe("http://10.42.0.7:8080/ping");
    expect(pingUrl(withProbe(8080, "fd00::7"))).toBe("http://[fd00::7]:8080/ping");
    expect(pingUrl(withProbe("nobody"))).toBeUndefined();
    expect(pingUrl({ spec: { containers: [{}] } })).toBeUndefined();
  });
  test("the host to ask for is one of an Ingress of Traefik's", () => {
    const ingress = (host: string, ingressClassName?: string) => ({
      spec: { ingressClassName, rules: [{ host }] },
    });
    expect(routedHost([ingress("a.example", "nginx"), ingress("b.example", "traefik")])).toBe(
      "b.example",
    );
    expect(routedHost([ingress("c.example")])).toBe("c.example");
    expect(routedHost([ingress("*.example")])).toBeUndefined();
  });
  test("a route answers; Traefik's own 404, and a broken backend, are none", () => {
    const judge = (status: number, body: string, host: string | undefined) =>
      judgeRouted({ status, body }, { where: "192.0.2.1:80", host }).outcome;
    expect(judge(200, "", "a.example")).toBe("ok");
    expect(judge(401, "", "a.example")).toBe("ok");
    expect(judge(404, "the shop's own page", "a.example")).toBe("ok");
    expect(judge(404, "404 page not found\n", "a.example")).toBe("fail");
    expect(judge(503, "", "a.example")).toBe("fail");
    expect(judge(404, "404 page not found\n", undefined)).toBe("ok");
    expect(judge(200, "", undefined)).toBe("fail");
  });
});

describe("load balancers", () => {
  const good = balancer("web", [{ ip: "192.0.2.1" }]);
  test("each has an address, and its ServiceLB is ready everywhere", () => {
    expect(judgeBalancers([], []).outcome).toBe("skip");
    expect(judgeBalancers([good], [daemonSet(2, 2)]).outcome).toBe("ok");
    expect(judgeBalancers([balancer("web", [{ hostname: "lb" }])], []).outcome).toBe("ok");
    expect(judgeBalancers([good, balancer("mail", undefined)], []).detail).toBe(
      "without an address: web/mail",
    );
    expect(judgeBalancers([good, balancer("mail", [{}])], []).outcome).toBe("fail");
    expect(judgeBalancers([good], [daemonSet(2, 1)]).detail).toContain("ready on 1 of 2 nodes");
    expect(judgeBalancers([good], [daemonSet(0, 0)]).detail).toContain("fits no node");
  });
});

describe("workloads", () => {
  const judge = (more: Partial<Workloads>) =>
    judgeWorkloads({ claims: [], classes: CLASSES, pods: [], jobs: [], ...more });
  test("bound, running, installed", () => {
    const claims = [claim("data", "Bound")];
    const jobs = [job("helm-install-traefik", 1), job("nightly", undefined)];
    expect(judge({ claims, jobs, pods: [pod("a")] }).outcome).toBe("ok");
  });
  test("a claim may wait for its first pod, and for nothing else", () => {
    const claims = [claim("data", "Pending")];
    expect(judge({ claims }).outcome).toBe("ok");
    expect(judge({ claims, pods: [pod("a", { claim: "data" })] }).detail).toContain(
      "db/data (Pending)",
    );
    expect(judge({ claims: [claim("data", "Pending", "at-once")] }).outcome).toBe("fail");
    expect(judge({ claims: [claim("data", "Lost")] }).outcome).toBe("fail");
  });
  test("stuck pods are named with their reason, init containers too", () => {
    expect(judge({ pods: [pod("a", { waiting: "CrashLoopBackOff" })] }).detail).toContain(
      "db/a (CrashLoopBackOff)",
    );
    expect(judge({ pods: [pod("a", { init: "ErrImagePull" })] }).outcome).toBe("fail");
    expect(judge({ pods: [pod("a", { waiting: "CreateContainerConfigError" })] }).outcome).toBe(
      "fail",
    );
    expect(judge({ pods: [pod("a", { waiting: "ContainerCreating" })] }).outcome).toBe("ok");
  });
  test("K3s's install jobs have succeeded", () => {
    expect(judge({ jobs: [job("helm-install-traefik", undefined)] }).detail).toBe(
      "install jobs not succeeded: kube-system/helm-install-traefik",
    );
  });
});

describe("helm", () => {
  test("kubectl's table: namespace first, the labels last", () => {
    const table =
      "db   sh.helm.release.v1.pg.v2   helm.sh/release.v1   1   3d2h   pg   2   deployed\nNo resources found\n";
    expect(parseRows(table)).toEqual([{ release: "db/pg", revision: 2, status: "deployed" }]);
  });
  test("the newest revision counts, by number", () => {
    const row = (revision: number, status: string) => ({ release: "db/pg", revision, status });
    expect(judgeReleases([]).outcome).toBe("skip");
    expect(judgeReleases([row(9, "failed"), row(10, "deployed")]).outcome).toBe("ok");
    expect(judgeReleases([row(10, "pending-upgrade"), row(9, "deployed")]).detail).toBe(
      "not deployed: db/pg (pending-upgrade, revision 10)",
    );
    expect(judgeReleases([row(1, "deployed"), row(2, "uninstalled")]).outcome).toBe("skip");
  });
});

describe("backup", () => {
  const facts = {
    age: 3_600_000,
    name: "a",
    verified: "2026-11-23T00:00:00Z",
    lastVerify: undefined,
  };
  test("young, proven, and the last verify was well", () => {
    const hour = 3_600_000;
    expect(judgeBackup(facts, 2 * hour).outcome).toBe("ok");
    expect(judgeBackup(facts, hour / 2).detail).toContain("older than 30 min");
    expect(judgeBackup(undefined, hour).outcome).toBe("fail");
    expect(judgeBackup({ ...facts, verified: undefined }, 2 * hour).detail).toContain(
      "ever verified",
    );
    expect(judgeBackup({ ...facts, lastVerify: "verify-failed" }, 2 * hour).detail).toContain(
      "verify-failed",
    );
  });
});

describe("sentinels", () => {
  const view = (sentinel: string, master: string | undefined = "a:1", quorum = true) => ({
    sentinel,
    master,
    quorum,
  });
  test("all answer, agree, and have a quorum", () => {
    expect(problemOfViews([view("x"), view("y"), view("z")], "store")).toBeUndefined();
  });
  test("no quorum outweighs a silent one; disagreement and silence are named", () => {
    const silent = { sentinel: "z", master: undefined, quorum: false };
    const said = (...views: readonly SentinelView[]) => problemOfViews(views, "store")?.detail;
    expect(said(view("x", "a:1", false), silent)).toContain("x does not reach a quorum");
    expect(said(view("x"), view("y", "b:2"))).toContain("disagree on the master: a:1, b:2");
    expect(said(view("x"), view("y"), silent)).toContain(
      "no answer about store from the sentinel at z",
    );
    expect(said(silent)).toBe("no sentinel knows store");
  });
});
