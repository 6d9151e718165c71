/** k3s-observed.md 1, 2 (bootstrap data), 12 (schedule): the running server's files. */
import { beforeAll, describe, expect, test } from "bun:test";
import { bootstrapOf } from "./bootstrap.ts";
import { DATA } from "./stage.ts";
import { stageForFile } from "./staged.ts";
import type { Stage } from "./stage.ts";

const TOKEN = ["--token", "secret"];
let stage: Stage;
const SKIPPED = stageForFile((opened) => (stage = opened), { runsOn: true });

const mode = async (path: string): Promise<string> =>
  (await stage.server.must(`stat -c %a ${DATA}/${path}`)).trim();
const passwd = () => stage.server.read(`${DATA}/server/cred/passwd`);

describe.skipIf(SKIPPED)("files of a server (1)", () => {
  beforeAll(async () => {
    await stage.newHost("cluster-init: true\n");
    expect((await stage.plain(TOKEN)).state).toBe("ready");
  });

  test("server, server/{db,cred,tls,etc}, db/etcd are 0700; token 0600; tls/*.crt 0644, *.key 0600", async () => {
    for (const path of [
      "server/db",
      "server/cred",
      "server/tls",
      "server/etc",
      "server/db/etcd",
      "agent",
    ]) {
      expect(await mode(path)).toBe("700");
    }
    expect(await mode("server/token")).toBe("600");
    const modes = async (pattern: string) =>
      new Set(
        (
          await stage.server.must(
            `stat -c %a ${DATA}/server/tls/${pattern} ${DATA}/server/tls/etcd/${pattern}`,
          )
        )
          .trim()
          .split("\n"),
      );
    expect(await modes("*.crt")).toEqual(new Set(["644"]));
    expect(await modes("*.key")).toEqual(new Set(["600"]));
  });

  test("the tree has every name of transcript 01-tree but those listed in the README", async () => {
    const { stdout } = await stage.sh(`cd ${DATA}; find server agent | sort`);
    const names = new Set(stdout.split("\n"));
    for (const name of [
      "server/cred/ipsec.psk",
      "server/cred/admin.kubeconfig",
      "server/cred/supervisor.kubeconfig",
      "server/db/etcd/config",
      "server/db/etcd/name",
      "server/db/etcd/member/snap/db",
      "server/tls/request-header-ca.key",
      "server/tls/service.key",
      "server/tls/service.current.key",
      "server/tls/etcd/peer-server-client.crt",
      "server/tls/client-ca.nochain.crt",
      "server/tls/kube-scheduler/kube-scheduler.key",
      "agent/client-kubelet.crt",
      "agent/kubelet.kubeconfig",
    ]) {
      expect(names.has(name) ? "" : name).toBe("");
    }
  });

  test("node-token and agent-token are absolute symlinks to server/token", async () => {
    const { stdout } = await stage.sh(
      `readlink ${DATA}/server/node-token ${DATA}/server/agent-token`,
    );
    expect(stdout).toBe(`${DATA}/server/token\n`.repeat(2));
  });

  test("server/token is K10<sha256 of the server CA>::server:<password>, 83 bytes for `secret`", async () => {
    const hash = (await stage.server.must(`sha256sum ${DATA}/server/tls/server-ca.crt`)).slice(
      0,
      64,
    );
    expect(stage.server.read(`${DATA}/server/token`)).toBe(`K10${hash}::server:secret\n`);
    expect(passwd()).toBe("secret,node,node,k3s:agent\nsecret,server,server,k3s:server\n");
  });

  test("/etc/rancher/node/password is 0600, k3s.yaml 0600", async () => {
    const { stdout } = await stage.sh(
      "stat -c %a /etc/rancher/node/password /etc/rancher/k3s/k3s.yaml",
    );
    expect(stdout).toBe("600\n600\n");
  });

  test("the node is Ready, a voter, and its Lease is renewed", async () => {
    const conditions = await stage.server.kubectl(
      "get",
      "node",
      "s1",
      "-o",
      "jsonpath={range .status.conditions[*]}{.type}={.status} {end}",
    );
    expect(conditions).toContain("Ready=True");
    expect(conditions).toContain("EtcdIsVoter=True");
    const renewed = () =>
      stage.server.kubectl(
        "-n",
        "kube-node-lease",
        "get",
        "lease",
        "s1",
        "-o",
        "jsonpath={.spec.renewTime}",
      );
    const first = await renewed();
    let later = first;
    for (let attempt = 0; attempt < 60 && later <= first; attempt += 1) {
      await Bun.sleep(250);
      later = await renewed();
    }
    expect(later > first).toBe(true);
  });

  test("the bootstrap value decrypts to the thirteen files, each with Timestamp and Content (2)", async () => {
    await stage.server.must(
      "k3s etcd-snapshot save --name boot && mv /var/lib/rancher/k3s/server/db/snapshots/boot-* /root/boot.snap",
    );
    const files = await bootstrapOf(stage, { snapshot: "/root/boot.snap", password: "secret" });
    expect(Object.keys(files).sort()).toEqual([
      "ClientCA",
      "ClientCAKey",
      "ETCDPeerCA",
      "ETCDPeerCAKey",
      "ETCDServerCA",
      "ETCDServerCAKey",
      "IPSECKey",
      "PasswdFile",
      "RequestHeaderCA",
      "RequestHeaderCAKey",
      "ServerCA",
      "ServerCAKey",
      "ServiceKey",
    ]);
    expect(Object.keys(files["PasswdFile"] ?? {})).toEqual(["Timestamp", "Content"]);
    expect(Buffer.from(files["PasswdFile"]?.Content ?? "", "base64").toString()).toBe(passwd());
    const { stdout } = await stage.sh(
      "grep -ao '/bootstrap/2bb80d537b1d' /root/boot.snap | sort -u",
    );
    expect(stdout).toBe("/bootstrap/2bb80d537b1d\n"); // sha256("secret"), as in transcript 02-decrypt
  });

  test("SIGTERM: exit 0", async () => {
    expect(await stage.stop()).toBe(0);
  });
});

describe.skipIf(SKIPPED)("kubeconfig elsewhere, schedule (1, 12)", () => {
  test("k3s.yaml becomes a symlink to the --write-kubeconfig path, whatever lay there; the schedule saves and prunes by prefix", async () => {
    await stage.newHost("");
    stage.server.write("/etc/rancher/k3s/k3s.yaml", "precious");
    await stage.server.must(
      `mkdir -p ${DATA}/server/db/snapshots && touch ${DATA}/server/db/snapshots/{railiance-s2-s1-1700000000,railiance-s2-s1-1700000001,on-demand-s1-1700000000,etcd-snapshot-x-s1-1700000000}`,
    );
    const { state } = await stage.plain([
      ...TOKEN,
      "--cluster-init",
      "--write-kubeconfig=/root/kubeconfig",
      "--etcd-snapshot-schedule-cron=@every 1s",
      "--etcd-snapshot-compress",
      "--etcd-snapshot-retention=2",
    ]);
    expect(state).toBe("ready");
    expect((await stage.sh("readlink /etc/rancher/k3s/k3s.yaml")).stdout).toBe(
      "/root/kubeconfig\n",
    );
    const save = (args: string) =>
      stage.sh(
        `for i in $(seq 30); do K3S_CONFIG_FILE=/dev/null k3s etcd-snapshot save ${args} && break; sleep 0.3; done`,
      );
    // With compression on at the server a save writes a .zip even without a configuration file (9.6).
    expect((await save("--name packed")).stderr).toMatch(/packed-s1-\d{10}\.zip saved/);
    expect((await save("--name plain --etcd-snapshot-compress=false")).stderr).toMatch(
      /plain-s1-\d{10} saved/,
    );
    await stage.server.must(
      `for i in $(seq 150); do [ -e ${DATA}/server/db/snapshots/etcd-snapshot-x-s1-1700000000 ] || exit 0; sleep 0.2; done; exit 1`,
    );
    await stage.stop();
    const names = await stage.names("server/db/snapshots");
    expect(names.filter((name) => name.startsWith("railiance-s2"))).toHaveLength(2);
    expect(names).toContain("on-demand-s1-N");
    expect(names).not.toContain("etcd-snapshot-x-s1-N");
    expect(names.filter((name) => name.startsWith("etcd-snapshot-s1")).length).toBeGreaterThan(0);
  });
});
