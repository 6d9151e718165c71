/** Three servers lose etcd's leader, the controllers' leader, a whole server: what a client that writes sees of it. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { runDrill } from "./kube/run-drill.ts";
import { THROUGH, startSshd } from "./kube/sshd.ts";
import { skipWithoutLab } from "../lab/server.ts";
import { startServers } from "../lab/servers.ts";
import type { BareServer } from "../lab/server.ts";
import type { Servers } from "../lab/servers.ts";

const ADDRESSES = ["10.99.0.1", "10.99.0.2", "10.99.0.3"];
const PROBE = `{kind: kubernetes, servers: ${JSON.stringify(ADDRESSES.map((one) => `https://${one}:6443`))}}`;
const THREE = "{id: voters, timeout: 180s, etcd: {voters: 3}}";
const BY_SSH = `through: ${JSON.stringify(THROUGH)}`;
const LEADER = "{resolve: etcd-leader}";
const CONTROLLERS = "{resolve: lease, namespace: kube-system, name: kube-controller-manager}";

interface DrillParts {
  readonly name: string;
  readonly target: string;
  readonly kill: string;
  readonly after: string;
  readonly baseline?: string;
}

function drillFile(parts: DrillParts): string {
  return `apiVersion: railiance/drill/v1
name: ${parts.name}
steadyState: [${THREE}, {id: nodes, nodes: {ready: 3}}]
baseline: ${parts.baseline ?? "3s"}
probe: ${PROBE}
target: ${parts.target}
kill: ${parts.kill}
recovery: {window: 60s}
after: [${parts.after}]
`;
}

const KILL_K3S = {
  name: "control-plane-leader",
  target: LEADER,
  kill: `{method: service-kill, unit: k3s.service, ${BY_SSH}}`,
  after: THREE,
};

const WEB = {
  apiVersion: "v1",
  kind: "List",
  items: [
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "web" },
      spec: {
        replicas: 1,
        selector: { matchLabels: { app: "web" } },
        template: {
          metadata: { labels: { app: "web" } },
          spec: { containers: [{ name: "web", image: "lab", command: ["sleep", "infinity"] }] },
        },
      },
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "web" },
      spec: { selector: { app: "web" }, ports: [{ port: 80 }] },
    },
  ],
};

describe.skipIf(skipWithoutLab())("a control plane of three", () => {
  let servers: Servers;
  beforeAll(async () => {
    servers = await startServers({ count: 3, pods: true, tools: ["etcdctl"] });
    await startSshd(servers.list);
  }, 900_000);
  afterAll(() => servers[Symbol.asyncDispose]());

  const etcdLeader = async (): Promise<string> => {
    const tls = "/var/lib/rancher/k3s/server/tls/etcd";
    const endpoints = ADDRESSES.map((one) => `https://${one}:2379`).join(",");
    const command = `etcdctl --endpoints=${endpoints} --cacert=${tls}/server-ca.crt --cert=${tls}/client.crt --key=${tls}/client.key endpoint status --write-out=fields`;
    const [first] = servers.list;
    const text = await (first?.must(["sh", "-c", command]) ?? "");
    const members = text.split(/\n\s*\n/).map((block) => ({
      id: /"MemberID" : (\d+)/.exec(block)?.[1],
      leader: /"Leader" : (\d+)/.exec(block)?.[1],
      address: /"Endpoint" : "https:\/\/([\d.]+):/.exec(block)?.[1],
    }));
    const found = members.find(({ id, leader }) => id !== undefined && id === leader);
    return found?.address ?? "";
  };
  /** Its holder, once it has renewed the Lease: one that was killed stands in there for a while yet. */
  const controllerLeader = async (): Promise<string> => {
    const [first] = servers.list;
    const args = ["-n", "kube-system", "get", "lease", "kube-controller-manager"];
    const read = async (): Promise<string[]> => {
      const path = "jsonpath={.spec.holderIdentity} {.spec.renewTime}";
      return (await first?.kubectl(...args, "-o", path))?.split(" ") ?? [];
    };
    const [, before] = await read();
    for (let attempt = 0; attempt < 120; attempt += 1) {
      await Bun.sleep(500);
      const [holder = "", renewed] = await read();
      if (renewed !== before) return ADDRESSES[Number(holder.split("_")[0]?.slice(1)) - 1] ?? "";
    }
    throw new Error("nobody renews the controllers' Lease");
  };
  const serverAt = (address: string): BareServer => {
    const found = servers.list[ADDRESSES.indexOf(address)];
    if (found === undefined) throw new Error(`no server has the address ${address}`);
    return found;
  };
  const otherThan = (address: string): BareServer => {
    const found = ADDRESSES.find((one) => one !== address);
    return serverAt(found ?? "");
  };

  test("k3s is killed on etcd's leader: another leads, nothing acknowledged is lost, three voters again", async () => {
    const leader = await etcdLeader();
    const ran = await runDrill(otherThan(leader), drillFile(KILL_K3S), {
      row: "control plane: k3s killed on etcd's leader",
    });
    expect(ran.result).toMatchObject({
      verdict: "passed",
      reasons: [],
      lost_acked: 0,
      rests_on: "a stand-in for K3s",
    });
    expect(ran.exitCode).toBe(0);
    expect(ran.result["new_primary"]).not.toBe(ran.result["old_primary"]);
    await serverAt(leader).startCluster({ timeout: 180_000 }); // put back by the drill, perhaps not ready yet
  }, 600_000);

  test("the holder of the controllers' Lease is killed: another holds it", async () => {
    const leader = await controllerLeader();
    const drill = { ...KILL_K3S, name: "controller-leader", target: CONTROLLERS };
    const ran = await runDrill(otherThan(leader), drillFile(drill), {
      row: "control plane: k3s killed on the controllers' leader",
    });
    expect(ran.result).toMatchObject({ verdict: "passed", reasons: [], lost_acked: 0 });
    expect(ran.result["new_primary"]).not.toBe(ran.result["old_primary"]);
    await serverAt(leader).startCluster({ timeout: 180_000 });
  }, 600_000);

  test("on the leader itself the drill is refused, and so is one without a way to the leader", async () => {
    const leader = await etcdLeader();
    const own = await runDrill(serverAt(leader), drillFile(KILL_K3S));
    expect([own.exitCode, own.said]).toEqual([10, expect.stringContaining("OWN_SERVER")]);
    const kill = "{method: service-kill, unit: k3s.service}";
    const other = await runDrill(otherThan(leader), drillFile({ ...KILL_K3S, kill }));
    expect([other.exitCode, other.said]).toEqual([10, expect.stringContaining("NO_WAY_THERE")]);
    for (const server of servers.list) {
      expect((await server.must(["systemctl", "is-active", "k3s"])).trim()).toBe("active");
    }
  }, 300_000);

  test("of two drills in one cluster the second is refused, on whichever server it is started", async () => {
    const leader = await etcdLeader();
    const [one, two] = servers.list.filter((server) => server !== serverAt(leader));
    if (one === undefined || two === undefined) throw new Error("there are three servers");
    const first = runDrill(one, drillFile({ ...KILL_K3S, baseline: "20s" }));
    const lease = ["-n", "kube-system", "get", "lease", "railiance-drill"];
    while ((await two.run(["k3s", "kubectl", ...lease])).exitCode !== 0) {
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    const second = await runDrill(two, drillFile(KILL_K3S));
    expect([second.exitCode, second.said]).toEqual([
      7,
      expect.stringContaining("another drill is running in this cluster"),
    ]);
    expect((await first).result).toMatchObject({ verdict: "passed" });
    await serverAt(leader).startCluster({ timeout: 180_000 });
    expect((await two.run(["k3s", "kubectl", ...lease])).stderr).toContain("NotFound");
  }, 600_000);

  test("a node is drained: its pod starts elsewhere, and the node takes pods again after the drill", async () => {
    const [first] = servers.list;
    if (first === undefined) throw new Error("there are three servers");
    first.write("/root/web.json", JSON.stringify(WEB));
    await first.kubectl("apply", "-f", "/root/web.json");
    await first.kubectl("rollout", "status", "deployment/web", "--timeout=120s");
    const node = (): Promise<string> =>
      first.kubectl("get", "pods", "-l", "app=web", "-o", "jsonpath={.items[*].spec.nodeName}");
    const before = await node();
    const file = drillFile({
      name: "drain",
      target: "{resolve: pod, selector: app=web}",
      kill: "{method: node-drain, gracePeriod: 1s}",
      after: "{id: endpoints, timeout: 60s, endpoints: {namespace: default, service: web, min: 1}}",
    });
    const ran = await runDrill(first, file, { row: "node drained, pod elsewhere" });
    expect(ran.result).toMatchObject({ verdict: "passed", victim: `node ${before}` });
    expect(await node()).not.toBe(before);
    const cordoned = ["get", "nodes", "-o", "jsonpath={.items[*].spec.unschedulable}"];
    expect(await first.kubectl(...cordoned)).toBe("");
  }, 300_000);

  test("a server that only lost its k3s is not switched off, although another leads", async () => {
    const leader = await etcdLeader();
    const looking = otherThan(leader);
    // As if poweroff were refused, or went to another machine, while k3s goes down for its own reasons.
    const pretend = `#!/bin/sh
host=$1; shift
case "$*" in *poweroff*) set -- systemctl stop k3s ;; esac
exec ${THROUGH.slice(0, -1).join(" ")} "$host" "$@"
`;
    looking.write("/root/pretend", pretend, 0o755);
    const kill = `{method: server-off, through: [/root/pretend, "root@{host}"]}`;
    const after = "{id: ready, timeout: 60s, readyz: {}}";
    const file = drillFile({ name: "not-off", target: LEADER, kill, after });
    const ran = await runDrill(looking, file.replace("window: 60s", "window: 25s"));
    expect(ran.exitCode).toBe(12);
    expect(ran.result).toMatchObject({ verdict: "failed", lost_acked: 0 });
    expect(ran.result["new_primary"]).not.toBe(ran.result["old_primary"]);
    expect(String(ran.result["reasons"])).toContain("lived on after the kill");
    await serverAt(leader).startCluster({ timeout: 180_000 });
  }, 300_000);

  test("a whole server is switched off: the other two serve on, and it is a voter again after its start", async () => {
    const leader = await etcdLeader();
    const ran = await runDrill(
      otherThan(leader),
      drillFile({
        name: "server-off",
        target: LEADER,
        kill: `{method: server-off, ${BY_SSH}}`,
        after: "{id: ready, timeout: 60s, readyz: {}}",
      }),
      { row: "control plane: the leader's server switched off" },
    );
    expect(ran.result).toMatchObject({ verdict: "passed", reasons: [], lost_acked: 0 });
    const dead = serverAt(leader);
    await dead.cut();
    await dead.boot();
    await dead.startCluster({ timeout: 180_000 });
    const dry = "/opt/railiance/bin/railiance-cluster ha drill /root/drill.yaml --dry-run";
    const deadline = performance.now() + 180_000;
    let said = "";
    while (!said.includes("3 voters") && performance.now() < deadline) {
      const looking = otherThan(await etcdLeader());
      looking.write("/root/drill.yaml", drillFile(KILL_K3S));
      const looked = await looking.run(dry);
      said = `${looked.stdout}${looked.stderr}`;
    }
    expect(said).toContain("3 voters");
    expect(said).toContain("would kill");
  }, 600_000);
});
