/** k3s-observed.md 1, 2 (bootstrap data), 12 (schedule), 15 (agent token), 19 (encryption): the running server's files. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createDecipheriv } from "node:crypto";
import { unseal } from "../k3s/cipher.ts";
import { skipWithoutLab } from "../server.ts";
import { DATA, openStage } from "./stage.ts";
import type { Stage } from "./stage.ts";

setDefaultTimeout(90_000);

const SKIPPED = skipWithoutLab();
const TOKEN = ["--token", "secret"];
let stage: Stage;
beforeAll(async () => {
  if (!SKIPPED) stage = await openStage();
});
afterAll(() => stage?.[Symbol.asyncDispose]());

const mode = async (path: string): Promise<string> =>
  (await stage.server.must(`stat -c %a ${DATA}/${path}`)).trim();
const passwd = () => stage.server.read(`${DATA}/server/cred/passwd`);

/** The decrypted bootstrap JSON out of a snapshot, found by byte search (k3s.md 2.4). */
async function bootstrapOf(
  path: string,
  password: string,
): Promise<Record<string, { Timestamp: string; Content: string }>> {
  const { stdout } = await stage.server.run(
    `grep -aoE '[0-9a-f]{16}:[A-Za-z0-9+/]{2000,}=*' ${path} | tail -1`,
  );
  return JSON.parse(unseal(password, stdout.trim()));
}

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
    const files = await bootstrapOf("/root/boot.snap", "secret");
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
        `for i in 1 2 3 4 5 6 7 8; do K3S_CONFIG_FILE=/dev/null k3s etcd-snapshot save ${args} && break; sleep 0.3; done`,
      );
    // With compression on at the server a save writes a .zip even without a configuration file (9.6).
    expect((await save("--name packed")).stderr).toMatch(/packed-s1-\d{10}\.zip saved/);
    expect((await save("--name plain --etcd-snapshot-compress=false")).stderr).toMatch(
      /plain-s1-\d{10} saved/,
    );
    await Bun.sleep(2000);
    await stage.stop();
    const names = await stage.names("server/db/snapshots");
    expect(names.filter((name) => name.startsWith("railiance-s2"))).toHaveLength(2);
    expect(names).toContain("on-demand-s1-N");
    expect(names).not.toContain("etcd-snapshot-x-s1-N");
    expect(names.filter((name) => name.startsWith("etcd-snapshot-s1")).length).toBeGreaterThan(0);
  });
});

describe.skipIf(SKIPPED)("agent token (15)", () => {
  const AGENT = ["--agent-token", "agentsecret"];

  test("server/agent-token is a file of its own, passwd holds both, the bootstrap data only in PasswdFile; restore without the flag: reset exit 0, the start exits; way out: move cred/passwd", async () => {
    await stage.newHost("cluster-init: true\n");
    expect((await stage.plain([...TOKEN, ...AGENT])).state).toBe("ready");
    expect(await stage.server.must(`stat -c '%F %a' ${DATA}/server/agent-token`)).toBe(
      "regular file 600\n",
    );
    expect(stage.server.read(`${DATA}/server/agent-token`)).toMatch(
      /^K10[0-9a-f]{64}::node:agentsecret\n$/,
    );
    expect(passwd()).toBe("agentsecret,node,node,k3s:agent\nsecret,server,server,k3s:server\n");
    await stage.server.must(
      "k3s etcd-snapshot save --name agent && mv /var/lib/rancher/k3s/server/db/snapshots/agent-* /root/agent.snap",
    );
    await stage.stop();
    const files = await bootstrapOf("/root/agent.snap", "secret");
    expect(
      Object.entries(files)
        .filter(([, { Content }]) => Buffer.from(Content, "base64").includes("agentsecret"))
        .map(([name]) => name),
    ).toEqual(["PasswdFile"]);

    await stage.newHost("");
    await Bun.sleep(3100); // K3s forgives three seconds of clock skew
    expect(
      (await stage.reset(["--cluster-reset-restore-path=/root/agent.snap", ...TOKEN])).exitCode,
    ).toBe(0);
    const { state, said } = await stage.plain(TOKEN);
    expect(state).toBe("exited");
    expect(said).toContain(
      `${DATA}/server/cred/passwd newer than datastore and could cause a cluster outage. Remove the file(s) from disk and restart to be recreated from datastore.`,
    );
    await stage.server.must(`mv ${DATA}/server/cred/passwd /root/passwd.aside`);
    expect((await stage.plain(TOKEN)).state).toBe("ready");
    await stage.stop();
  });

  test("right way: agent-token: in the configuration at the reset and at the start; a restart without it turns it back into the link", async () => {
    await stage.newHost("token: secret\nagent-token: agentsecret\n");
    expect((await stage.reset(["--cluster-reset-restore-path=/root/agent.snap"])).exitCode).toBe(0);
    expect((await stage.plain()).state).toBe("ready");
    const agent = (password: string) =>
      stage.server.must(
        `bash -c 'exec 3<>/dev/tcp/127.0.0.1/6444; printf "GET /v1-k3s/readyz HTTP/1.1\\r\\nHost: x\\r\\nAuthorization: Basic %s\\r\\nConnection: close\\r\\n\\r\\n" $(printf node:${password} | base64) >&3; head -1 <&3'`,
      );
    expect(await agent("agentsecret")).toContain("200");
    await stage.stop();
    stage.server.write("/etc/rancher/k3s/config.yaml", "token: secret\n");
    expect((await stage.plain()).state).toBe("ready");
    expect(await agent("agentsecret")).toContain("401");
    expect((await stage.sh(`readlink ${DATA}/server/agent-token`)).stdout).toBe(
      `${DATA}/server/token\n`,
    );
    await stage.stop();
  });
});

describe.skipIf(SKIPPED)("secrets encryption, read offline (19, 3)", () => {
  test("aescbc: config in cred and in the bootstrap data; a Secret decrypts from snapshot and token alone; without the flag after a restore the API server never becomes ready", async () => {
    await stage.newHost("cluster-init: true\ntoken: secret\nsecrets-encryption: true\n");
    expect((await stage.plain()).state).toBe("ready");
    await stage.server.kubectl(
      "create",
      "secret",
      "generic",
      "probe",
      "--from-literal=word=hunter2",
    );
    const status = await stage.sh("K3S_CONFIG_FILE=/dev/null k3s secrets-encrypt status");
    expect(status.stdout).toContain("Encryption Status: Enabled\nCurrent Rotation Stage: start\n");
    await stage.server.must(
      "k3s etcd-snapshot save --name enc 2>/dev/null && mv /var/lib/rancher/k3s/server/db/snapshots/enc-* /root/enc.snap",
    );
    await stage.stop();
    const files = await bootstrapOf("/root/enc.snap", "secret");
    const config = JSON.parse(
      Buffer.from(files["EncryptionConfig"]?.Content ?? "", "base64").toString(),
    );
    const { name, secret } = config.resources[0].providers[0].aescbc.keys[0];
    expect(name).toBe("aescbckey");
    expect(Buffer.from(files["EncryptionHash"]?.Content ?? "", "base64").toString()).toMatch(
      /^start-[0-9a-f]{64}$/,
    );
    const snapshot = Buffer.from(stage.server.readBytes("/root/enc.snap"));
    expect(snapshot.includes("hunter2")).toBe(false);
    const mark = Buffer.from("k8s:enc:aescbc:v1:aescbckey:");
    const plain = [];
    for (let at = snapshot.indexOf(mark); at >= 0; at = snapshot.indexOf(mark, at + 1)) {
      const start = at + mark.length;
      const cipher = createDecipheriv(
        "aes-256-cbc",
        Buffer.from(secret, "base64"),
        snapshot.subarray(start, start + 16),
      );
      cipher.setAutoPadding(false);
      plain.push(
        cipher.update(snapshot.subarray(start + 16, start + 16 + 1024)).toString("latin1"),
      );
    }
    expect(plain.some((text) => text.includes("hunter2"))).toBe(true);

    await stage.newHost("token: secret\n");
    const reset = await stage.reset(["--cluster-reset-restore-path=/root/enc.snap"]);
    expect(reset.exitCode).toBe(0);
    expect(reset.said).toContain(
      'level=warning msg="Unable to lookup path to reconcile EncryptionConfig"',
    );
    expect((await stage.plain([], { patience: 8000 })).state).toBe("hangs");
    await stage.stop();
    stage.server.write("/etc/rancher/k3s/config.yaml", "token: secret\nsecrets-encryption: true\n");
    expect((await stage.plain()).state).toBe("ready");
    const word = await stage.server.kubectl(
      "get",
      "secret",
      "probe",
      "-o",
      "jsonpath={.data.word}",
    );
    expect(word).toBe(Buffer.from("hunter2").toString("base64"));
    await stage.stop();
  });
});
