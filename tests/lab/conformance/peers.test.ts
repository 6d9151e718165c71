/** k3s-observed.md 6, 7, 14: three servers on a switch, and a second server beside a running one. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { skipWithoutLab } from "../server.ts";
import type { BareServer } from "../server.ts";
import { startServers } from "../servers.ts";
import type { Servers } from "../servers.ts";

setDefaultTimeout(180_000);

const SKIPPED = skipWithoutLab();
const DATA = "/var/lib/rancher/k3s";
const CONFIG = "/etc/rancher/k3s/config.yaml";
let servers: Servers;
let s1: BareServer;
let s2: BareServer;
let s3: BareServer;

beforeAll(async () => {
  if (SKIPPED) return;
  servers = await startServers({ count: 3, executable: null, helm: false });
  const [one, two, three] = servers.list;
  if (one === undefined || two === undefined || three === undefined)
    throw new Error("three servers wanted");
  [s1, s2, s3] = [one, two, three];
});
afterAll(() => servers?.[Symbol.asyncDispose]());

const etcdctl = (args: string) =>
  `cd ${DATA}/server/tls/etcd && /usr/local/lib/k3s-lab/etcdctl --endpoints=https://127.0.0.1:2379 --cacert=server-ca.crt --cert=client.crt --key=client.key ${args}`;
const members = async (server: BareServer): Promise<number> =>
  (await server.must(etcdctl("member list"))).trim().split("\n").length;
const objects = async (server: BareServer) =>
  (await server.kubectl("get", "configmap", "--output=name"))
    .split("\n")
    .filter((name) => /before|after/.test(name))
    .map((name) => name.replace("configmap/", ""));
const aside = (server: BareServer) =>
  server.must(`mv ${DATA}/server/db ${DATA}/server/db-aside-$(date +%s%N)`);
const each = (action: (server: BareServer) => Promise<unknown>) =>
  Promise.all([s1, s2, s3].map(action));
const ready = async (server: BareServer, seconds: number): Promise<boolean> =>
  (
    await server.run(
      `for i in $(seq ${seconds * 2}); do systemctl is-active -q k3s && exit 0; sleep 0.5; done; exit 1`,
    )
  ).exitCode === 0;

describe.skipIf(SKIPPED)("three servers (7)", () => {
  test("joined: three voters, the same CA, every node Ready; snapshots are per node and --etcd-server saves on that node's disk (2)", async () => {
    expect(await members(s3)).toBe(3);
    const cas = await each((server) => server.must(`md5sum < ${DATA}/server/tls/client-ca.crt`));
    expect(new Set(cas).size).toBe(1);
    const nodes = await s1.kubectl("get", "nodes");
    expect(nodes.match(/ Ready /g)).toHaveLength(3);
    await s1.kubectl("create", "configmap", "before");
    const { stderr } = await s3.run(
      "k3s etcd-snapshot save --etcd-server https://10.99.0.1:6443 --name fromremote",
    );
    expect(stderr).toMatch(/Snapshot fromremote-s1-\d{10} saved/);
    expect((await s3.run("k3s etcd-snapshot ls 2>/dev/null")).stdout).toBe(
      "Name Location Size Created\n",
    );
    await s1.must(`mv ${DATA}/server/db/snapshots/fromremote-* /root/good.snap`);
    await s1.kubectl("create", "configmap", "after");
  });

  test("once joined, a plain restart needs neither token nor server: (14.2)", async () => {
    const config = s3.read(CONFIG);
    s3.write(CONFIG, "");
    await s3.must("systemctl restart k3s");
    expect(await objects(s3)).toEqual(["after", "before"]);
    s3.write(CONFIG, config);
  });

  test("wrong token: exits, `failed to bootstrap cluster data: not authorized`; token only in server/token: ready as its own empty SQLite server (14.1)", async () => {
    const config = s3.read(CONFIG);
    await s3.must("systemctl stop k3s");
    await aside(s3);
    await s3.must(`mv ${DATA}/server ${DATA}/server-aside`);
    const { stderr } = await s3.run(
      "timeout 30 k3s server --server https://10.99.0.1:6443 --token WRONG",
      { env: { K3S_CONFIG_FILE: "/dev/null" } },
    );
    expect(stderr).toContain("failed to bootstrap cluster data: not authorized");
    await s3.must(
      `mkdir -p ${DATA}/server; rm -rf ${DATA}/server/*; cp ${DATA}/server-aside/token ${DATA}/server/token`,
    );
    s3.write(CONFIG, "server: https://10.99.0.1:6443\n");
    await s3.must("systemctl start k3s");
    expect(s3.exists(`${DATA}/server/db/state.db`)).toBe(true);
    expect(await objects(s3)).toEqual([]);
    await s3.must("systemctl stop k3s");
    await s3.must(`rm -rf ${DATA}/server; mv ${DATA}/server-aside ${DATA}/server`);
    s3.write(CONFIG, config);
    await s3.must("systemctl start k3s");
    expect(await members(s3)).toBe(3);
  });

  test("reset on one: a single member; one old peer with its old database hangs; after mv server/db it rejoins, same CA", async () => {
    await each((server) =>
      server.must(
        "systemctl stop k3s; rm -rf /root/old-db; cp -a --sparse=always /var/lib/rancher/k3s/server/db /root/old-db",
      ),
    );
    const reset = await s1.run(
      "k3s server --cluster-reset --cluster-reset-restore-path=/root/good.snap",
    );
    expect(reset.exitCode).toBe(0);
    await s1.must("systemctl start k3s");
    expect(await members(s1)).toBe(1);
    expect(await objects(s1)).toEqual(["before"]);
    await s2.must("systemctl start --no-block k3s");
    expect(await ready(s2, 8)).toBe(false);
    await s2.must("systemctl stop k3s");
    await aside(s2);
    await s2.must("systemctl start k3s");
    await s3.run("systemctl stop k3s");
    await aside(s3);
    await s3.must("systemctl start k3s");
    expect(await members(s1)).toBe(3);
    expect(await objects(s3)).toEqual(["before"]);
  });

  test("two old peers with their old databases form the old quorum again, ready with the old data, beside the restored server: a split brain", async () => {
    await each((server) => server.must("systemctl stop k3s"));
    await each((server) =>
      server.must(`rm -rf ${DATA}/server/db; cp -a --sparse=always /root/old-db ${DATA}/server/db`),
    );
    expect(
      (await s1.run("k3s server --cluster-reset --cluster-reset-restore-path=/root/good.snap"))
        .exitCode,
    ).toBe(0);
    await s1.must("systemctl start k3s");
    await Promise.all([s2, s3].map((server) => server.must("systemctl start k3s")));
    expect(await objects(s1)).toEqual(["before"]);
    expect(await objects(s2)).toEqual(["after", "before"]);
    expect(await objects(s3)).toEqual(["after", "before"]);
  });

  test("restore on s2 with --server=; the plain start with the stale server: works with s1 down; s1 with cluster-init and no server: makes a second, empty cluster; with server: it joins (14.3)", async () => {
    await each((server) => server.must("systemctl stop k3s"));
    await s2.must("true");
    s2.write("/root/good.snap", s1.readBytes("/root/good.snap"));
    const refused = await s2.run(
      "k3s server --cluster-reset --cluster-reset-restore-path=/root/good.snap",
    );
    expect(refused.stderr).toContain("cannot perform cluster-reset while server URL is set");
    expect(
      (
        await s2.run(
          "k3s server --cluster-reset --cluster-reset-restore-path=/root/good.snap --server=",
        )
      ).exitCode,
    ).toBe(0);
    await s2.must("systemctl start k3s");
    expect(await objects(s2)).toEqual(["before"]);
    await aside(s1);
    await s1.must("systemctl start k3s");
    expect(await objects(s1)).toEqual([]);
    expect(await members(s1)).toBe(1);
    await s1.must("systemctl stop k3s");
    await aside(s1);
    const token = s2.read(`${DATA}/server/token`).trim();
    s1.write(CONFIG, `${s1.read(CONFIG)}server: https://10.99.0.2:6443\ntoken: ${token}\n`);
    await s1.must("systemctl start k3s");
    expect(await objects(s1)).toEqual(["before"]);
    expect(await members(s2)).toBe(2);
  });
});

describe.skipIf(SKIPPED)("a second server beside a running one (6)", () => {
  const flags =
    "--data-dir /rehearsal --token-file /root/rehearsal.token --write-kubeconfig /rehearsal/kubeconfig --disable-agent --disable traefik,servicelb,metrics-server,coredns,local-storage --disable-cloud-controller --disable-kube-proxy --disable-network-policy --flannel-backend=none --egress-selector-mode=disabled --disable-helm-controller --node-ip 10.98.0.1 --bind-address 10.98.0.1";
  const rehearse = (prelude: string) => `
    cat >/root/rehearse.sh <<'END'
ip link set lo up; ip addr add 10.98.0.1/32 dev lo; ip route add default dev lo
${prelude}
rm -rf /rehearsal; mkdir -p /rehearsal/server; touch /rehearsal/server/token
export K3S_CONFIG_FILE=/dev/null
k3s server --cluster-reset --cluster-reset-restore-path=/root/good.snap ${flags} >/root/reset.log 2>&1 || exit 1
k3s server ${flags} --disable-controller-manager --disable-scheduler >/root/rehearsal.log 2>&1 &
for i in $(seq 200); do grep -q 'up and running' /root/rehearsal.log && break; sleep 0.1; done
k3s kubectl --kubeconfig /rehearsal/kubeconfig get configmap --output=name
k3s kubectl --kubeconfig /rehearsal/kubeconfig get node --output=name
kill %1; wait
END`;

  test("own network and mount namespace with tmpfs over /etc/rancher and /run: the running server stays untouched", async () => {
    await s2.must(`cp ${DATA}/server/token /root/rehearsal.token`);
    const before = await s2.must("md5sum /etc/rancher/k3s/k3s.yaml");
    const { stdout, exitCode } = await s2.run(
      `${rehearse("mount -t tmpfs t /etc/rancher; mount -t tmpfs t /run")}\nunshare -n -m bash /root/rehearse.sh`,
    );
    expect(stdout).toContain("configmap/before");
    expect(exitCode).toBe(0);
    expect(await s2.must("md5sum /etc/rancher/k3s/k3s.yaml")).toBe(before);
    expect(await objects(s2)).toEqual(["before"]);
  });

  test("with a shared /etc it replaces the live k3s.yaml by a symlink to its own kubeconfig, in spite of --write-kubeconfig", async () => {
    const { stdout } = await s2.run(
      `${rehearse("")}\nunshare -n -m bash /root/rehearse.sh; readlink /etc/rancher/k3s/k3s.yaml`,
    );
    expect(stdout).toEndWith("/rehearsal/kubeconfig\n");
  });
});
