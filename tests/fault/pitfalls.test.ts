/**
 * The fifteen pitfalls of restoring K3s (facts/k3s.md 5), each provoked on a bare
 * server: K3s's own sentence where it falls in, ours where we keep out, and the
 * state at the end. Whole scenarios are in tests/e2e; this is the index.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { skipWithoutLab, startBareServer } from "../lab/server.ts";
import { expectRefusal, objectsOf, restore } from "../e2e/restore-host.ts";
import { DATA, authorityOf, hostWithBackup, leftovers, until } from "../e2e/restore-host.ts";
import { PROGRAM } from "../e2e/workload.ts";
import { archiveWith } from "./verifier/build.ts";
import { released } from "./old-archives/released.ts";
import { recordFault } from "./rows.ts";
import type { BareServer } from "../lab/server.ts";
import type { Backup } from "../e2e/restore-host.ts";

const DB = `${DATA}/server/db`;
const SNAP = "/root/by-hand.snap";
const RESET = `k3s server --cluster-reset --cluster-reset-restore-path=${SNAP}`;
const TABLE: readonly (readonly [number: number, what: string])[] = [
  [1, "token missing or wrong"],
  [2, "a path given as --token"],
  [3, "the datastore is not etcd"],
  [4, "not root"],
  [5, "a save that fails in silence, or beside another"],
  [6, "a compressed snapshot"],
  [7, "a snapshot saved on another server"],
  [8, "server: set at the reset"],
  [9, "files newer than the datastore"],
  [10, "peers keep their old database"],
  [11, "node password rejected"],
  [12, "old Node objects linger"],
  [13, "a reset without a snapshot"],
  [14, "a server removed from its cluster"],
  [15, "an encrypted cluster onto a bare host"],
];

/** Numbers of those that ended as they should. */
const survived = new Set<number>();

/** The test of a pitfall; its number is counted when it ends well. */
function pitfall(number: number, how: string, body: () => Promise<void>): void {
  const what = TABLE.find(([known]) => known === number)?.[1] ?? "";
  test(`${number}, ${what}: ${how}`, async () => {
    survived.delete(number);
    await body();
    survived.add(number);
  }, 300_000);
}

/** What a command says, both ways out, and how it ends. */
async function says(server: BareServer, command: string): Promise<string> {
  const { exitCode, stdout, stderr } = await server.run(command, { timeout: 120_000 });
  return `exit ${exitCode}: ${stdout}${stderr}`;
}

async function expectRestored(server: BareServer, flags: string, backup: Backup): Promise<string> {
  const result = await restore(server, flags);
  expect({ exit: result.exitCode, stderr: result.stderr }).toEqual({
    exit: 0,
    stderr: expect.stringContaining("same CA"),
  });
  expect(await objectsOf(server)).toBe(backup.objects);
  expect(await authorityOf(server)).toBe(backup.authority);
  expect(await leftovers(server)).toBe("");
  return result.stderr;
}

/** `k3s` writes down its arguments, a line a run, and then does what it ever does. */
async function recordArguments(server: BareServer): Promise<void> {
  await server.must("mv /usr/local/bin/k3s /usr/local/bin/k3s.real");
  const script = '#!/bin/sh\necho "$*" >> /root/arguments\nexec /usr/local/bin/k3s.real "$@"\n';
  server.write("/usr/local/bin/k3s", script, 0o755);
}

/** The arguments of the last reset. */
function lastReset(server: BareServer): string {
  const lines = server.read("/root/arguments").split("\n");
  return lines.findLast((line) => line.includes("--cluster-reset")) ?? "";
}

afterAll(() => {
  recordFault({
    family: "pitfalls",
    fault: "the fifteen pitfalls of k3s.md 5, each provoked on a bare server",
    tried: TABLE.length,
    survived: survived.size,
    lost: TABLE.length - survived.size,
  });
});

describe.skipIf(skipWithoutLab())("on a server with etcd", () => {
  let server: BareServer;
  let backup: Backup;
  let started = "";

  beforeAll(async () => {
    ({ server, backup } = await hostWithBackup());
    await server.must(`k3s etcd-snapshot save --name by-hand && cp ${DB}/snapshots/by-hand-* ${SNAP}
       cp ${DATA}/server/token /root/good-token`);
    backup = { ...backup, objects: await objectsOf(server) };
  }, 120_000);
  afterAll(() => server[Symbol.asyncDispose]());
  afterEach(() => server.faults(""));

  const processOf = (): Promise<string> => server.must("systemctl show k3s -p MainPID");

  /** K3s was not stopped, and every object is there. */
  async function expectUntouched(): Promise<void> {
    expect(await processOf()).toBe(started);
    expect(await objectsOf(server)).toBe(backup.objects);
    expect(await leftovers(server)).toBe("");
  }

  pitfall(1, "refused while K3s runs on, with the hashes of both tokens", async () => {
    started = await processOf();
    const token = `K10${"0".repeat(64)}::server:another\n`;
    const { bytes, identity } = await archiveWith("etcd", {
      bodies: { "k3s/token": token },
      retell: (manifest) => ({ ...manifest, tokenHash: "ae448ac86c4e" }), // sha256("another")
    });
    server.write("/root/other/other.age", bytes);
    server.write("/root/other/key.txt", `${identity}\n`);
    expectRefusal(await restore(server, "--yes -i /root/other/key.txt /root/other/other.age"), {
      exit: 4,
      says: "encrypted with another token: found hash",
    });
    await server.must(`mv ${DATA}/server/token /root/t && mv ${DATA}/server/cred/passwd /root/p`);
    expectRefusal(await server.run(`${PROGRAM} backup`), {
      exit: 5,
      says: `there is no server token: ${DATA}/server/token is missing`,
    });
    await server.must(`mv /root/t ${DATA}/server/token && mv /root/p ${DATA}/server/cred/passwd`);
    await expectUntouched();
  });

  pitfall(4, "refused up front, where K3s says permission denied", async () => {
    started = await processOf();
    for (const command of ["backup", "restore --yes"]) {
      expectRefusal(await server.run(`${PROGRAM} ${command}`, { user: "nobody" }), {
        exit: 5,
        says: "needs root",
        hint: "sudo",
      });
    }
    const theirs = await server.run(`k3s etcd-snapshot save --data-dir=${DATA}`, {
      user: "nobody",
    });
    expect(theirs.stderr + theirs.stdout).toContain("permission denied");
    await expectUntouched();
  });

  pitfall(5, "K3s exits 0 and says nothing; we say why, and let no two run at once", async () => {
    started = await processOf();
    server.faults("save-silent");
    const silent = await says(server, "k3s etcd-snapshot save --name silent");
    expect(silent.replaceAll(/^.*Unknown flag.*\n/gm, "")).toMatch(/^(exit 0: )?$/); // of config.yaml, as ever
    expectRefusal(await server.run(`${PROGRAM} backup`), {
      exit: 5,
      says: "k3s reported success but wrote no snapshot: ordered by the lab: no space left on device",
    });
    server.faults("save-slow 5");
    const first = server.start(`${PROGRAM} backup -q`);
    await until(
      "the first save runs",
      async () => (await server.run("pgrep -f '[e]tcd-snapshot save'")).exitCode === 0,
    );
    expectRefusal(await server.run(`${PROGRAM} backup`), {
      exit: 7,
      says: "another run is active",
    });
    expect((await first.done).exitCode).toBe(0);
    await expectUntouched();
  });

  pitfall(7, "a save that went to another node's disk is refused, and names the file", async () => {
    started = await processOf();
    await server.run("umount -l /tmp"); // the fault moves the file there, which wants one file system
    server.faults("save-wrong-node");
    expectRefusal(await server.run(`${PROGRAM} backup`), {
      exit: 5,
      says: /k3s saved the snapshot railiance-s2-\S+, but it is not on this host/,
      hint: "another server of the cluster",
    });
    await expectUntouched();
  });

  pitfall(
    10,
    "a restore is refused while something answers where another server was; nothing is ever removed",
    async () => {
      started = await processOf();
      // Not an address of this host, so a peer's; a real peer: tests/e2e/peers.test.ts.
      const peer = "127.0.0.9";
      const { bytes, identity } = await archiveWith("etcd", {
        retell: (manifest) => ({
          ...manifest,
          datastore: {
            ...manifest.datastore,
            members: [
              { name: "s1", peerUrls: ["https://10.99.0.1:2380"] },
              { name: "s2", peerUrls: [`https://${peer}:2380`] },
            ],
          },
        }),
      });
      server.write("/root/three/three.age", bytes);
      server.write("/root/three/key.txt", `${identity}\n`);
      const listener = server.start(`python3 -m http.server 2380 --bind ${peer}`);
      await server.must(
        `for i in $(seq 100); do python3 -c 'import socket; socket.create_connection(("${peer}", 2380), 1)' 2>/dev/null && exit 0; sleep 0.1; done; exit 1`,
      );
      // The archive is of another cluster, which this host tells by its CA.
      const authority = `${DATA}/server/tls/server-ca.crt`;
      await server.must(`mv ${authority} /root/server-ca.crt`);
      const refused = await restore(server, "--yes -i /root/three/key.txt /root/three/three.age");
      await server.must(`mv /root/server-ca.crt ${authority}`);
      listener.signal("SIGTERM");
      await listener.done;
      expectRefusal(refused, {
        exit: 10,
        says: `something still answers at ${peer} (port 2380), where server s2 was`,
        hint: "--force",
      });
      await expectUntouched();
      // Where one server is restored its old database is renamed, below the data folder it really has.
      const before = await server.must(`md5sum < ${DB}/etcd/member/snap/db`);
      expect(before).not.toBe("");
      const said = await expectRestored(server, `--yes ${backup.archive}`, backup);
      const [, kept = ""] = /data kept in (\S+\/before-\w+)/.exec(said) ?? [];
      expect(kept.startsWith(DATA)).toBe(true);
      expect(server.exists(`${kept}/db-etcd/member/wal`)).toBe(true);
    },
  );

  pitfall(
    8,
    "K3s refuses its own reset; ours overrides configuration and environment",
    async () => {
      await server.stopCluster();
      const peer = "/etc/rancher/k3s/config.yaml.d/peer.yaml";
      server.write(peer, "server: https://10.99.0.9:6443\n");
      expect(await says(server, RESET)).toContain(
        "cannot perform cluster-reset while server URL is set - remove server from configuration before resetting",
      );
      await expectRestored(server, `--yes ${backup.archive}`, backup);
      expect(server.read(peer)).toContain("10.99.0.9"); // what the archive does not hold is left alone
      server.remove(peer);
    },
  );

  pitfall(
    9,
    "K3s will not start after a reset by hand with a wrong token; a restore puts it right",
    async () => {
      await server.stopCluster();
      expect(await says(server, `${RESET} --token WRONG`)).toContain(
        "encrypted with different token",
      );
      expect(server.read(`${DATA}/server/token`)).toContain("WRONG");
      const secret = server.read("/root/good-token").trim();
      expect(await says(server, `timeout 60 k3s server --token ${secret}`)).toContain(
        "newer than datastore and could cause a cluster outage. Remove the file(s) from disk",
      );
      await expectRestored(server, `--yes ${backup.archive}`, backup);
    },
  );

  pitfall(
    13,
    "our reset always has its snapshot; K3s's without one stops at a reset that was begun",
    async () => {
      await recordArguments(server);
      await expectRestored(server, `--yes ${backup.archive}`, backup);
      expect(lastReset(server)).toMatch(/--cluster-reset-restore-path=\/var\/lib\/railiance\/\S+/);
      await server.stopCluster();
      server.write(`${DB}/reset-flag`, "");
      expect(await says(server, "k3s server --cluster-reset")).toContain(
        "Managed etcd cluster membership was previously reset",
      );
      // The flag of a reset by hand does not stand in the way of ours.
      await expectRestored(server, `--yes ${backup.archive}`, backup);
    },
  );

  pitfall(14, "told from a running member; a restore makes it the cluster again", async () => {
    await server.stopCluster();
    server.write(`${DB}/etcd/tombstone`, "");
    expectRefusal(await server.run(`${PROGRAM} backup`), {
      exit: 5,
      says: `this server was removed from its etcd cluster (${DB}/etcd/tombstone)`,
    });
    await expectRestored(server, `--yes ${backup.archive}`, backup);
    expect(server.exists(`${DB}/etcd/tombstone`)).toBe(false);
  });

  pitfall(6, "K3s cannot restore a .zip; our archive holds the snapshot itself", async () => {
    await server.must("echo 'etcd-snapshot-compress: true' >> /etc/rancher/k3s/config.yaml");
    await server.must("systemctl restart k3s", { timeout: 60_000 });
    const archive = (await server.must(`${PROGRAM} backup -q`)).trim();
    await server.must("k3s etcd-snapshot save --name zipped");
    const zip = (await server.must(`ls ${DB}/snapshots/zipped-*.zip`)).trim();
    await server.stopCluster();
    expect(await says(server, RESET.replace(SNAP, zip))).toContain("no such file or directory");
    await expectRestored(server, `--yes ${archive}`, { ...backup, archive });
  });

  test("also: another HTTPS port than 6443 is found in the configuration", async () => {
    await server.must("echo 'https-listen-port: 7443' >> /etc/rancher/k3s/config.yaml");
    await server.must("systemctl restart k3s", { timeout: 60_000 });
    const archive = (await server.must(`${PROGRAM} backup -q`)).trim();
    expect(server.read("/etc/rancher/k3s/k3s.yaml")).toContain(":7443");
    await expectRestored(server, `--yes ${archive}`, { ...backup, archive });
    await server.stopCluster();
    expectRefusal(await server.run(`${PROGRAM} backup`), {
      exit: 5,
      says: "k3s does not answer on port 7443",
    });
  }, 180_000);
});

describe.skipIf(skipWithoutLab())("on a server with SQLite", () => {
  pitfall(
    3,
    "K3s has no snapshots there; ours is a copy, and another datastore is refused by name",
    async () => {
      const { server, backup } = await hostWithBackup({ datastore: "sqlite" });
      await using _server = server;
      expect(await says(server, "k3s etcd-snapshot save")).toContain("etcd datastore disabled");
      await server.kubectl("delete", "configmap", "before");
      await expectRestored(server, "--yes", backup);
      await server.stopCluster();
      await server.must(
        `mv ${DB} /root/db && echo 'datastore-endpoint: mysql://k3s:x@tcp(db)/k3s' >> /etc/rancher/k3s/config.yaml`,
      );
      expectRefusal(await server.run(`${PROGRAM} backup`), {
        exit: 5,
        says: "this K3s keeps its data in an external datastore (mysql)",
      });
    },
  );
});

describe.skipIf(skipWithoutLab())("on a host that never ran K3s", () => {
  const archive = released("0.1.0/everything");
  const FLAGS = `--yes -i /media/usb/key.txt /media/usb/${archive.file}`;
  let server: BareServer;

  beforeAll(async () => {
    server = await startBareServer({ cluster: false, name: "s9" });
    server.write(`/media/usb/${archive.file}`, archive.bytes);
    server.write("/media/usb/key.txt", `${archive.identity}\n`);
    await server.must("rm -rf /etc/rancher");
    await server.must(
      `${PROGRAM} extract -q -i /media/usb/key.txt --archive /media/usb/${archive.file} -o /root/all`,
    );
    await server.must(`cp /root/all/datastore/etcd-snapshot.db ${SNAP}`);
  }, 120_000);
  afterAll(() => server[Symbol.asyncDispose]());

  test("also: a disk with too little room is named before anything is written", async () => {
    await server.must(
      "mkdir -p /var/lib/rancher && mount -t tmpfs -o size=60m none /var/lib/rancher",
    );
    const result = await restore(server, FLAGS);
    await server.must("umount /var/lib/rancher");
    expectRefusal(result, { exit: 5, says: /has \d+ MB free, the restore needs about 13\d MB/ });
    expect(server.exists("/etc/rancher")).toBe(false);
  }, 60_000);

  pitfall(
    2,
    "K3s takes the path for the token; ours is passed as a file, out of K3s's reach",
    async () => {
      const theirs = await says(server, `${RESET} --token /root/all/k3s/token`);
      expect(theirs).toContain("encrypted with different token");
      await server.must(`rm -rf ${DATA} /etc/rancher`);
      await recordArguments(server);
      const result = await restore(server, FLAGS);
      expect({ exit: result.exitCode, stderr: result.stderr }).toMatchObject({ exit: 0 });
      const words = lastReset(server).split(" ");
      expect(words.filter((word) => word.startsWith("--token"))).toEqual([
        expect.stringMatching(/^--token-file=\/var\/lib\/railiance\/\S+\/k3s\/token$/),
      ]);
      // Also: no S3 of the configuration, which would take the path for an object's name.
      expect(words).toContain("--etcd-s3=false");
    },
  );

  pitfall(15, "encrypted Secrets can be read, and the agents' own token is there", async () => {
    const secret = await server.kubectl(
      "get",
      "secret",
      "password",
      "-o",
      "jsonpath={.data.value}",
    );
    expect(Buffer.from(secret, "base64").toString()).toBe("hunter2");
    expect(server.read("/etc/rancher/k3s/config.yaml")).toContain("secrets-encryption: true");
    expect(server.read(`${DATA}/server/cred/passwd`)).toContain("for-the-agents,node,");
    expect(await authorityOf(server)).toBe(`${archive.expected.clientAuthority}\n`);
  });

  pitfall(
    12,
    "the server keeps the name of its old Node, which says so and is not deleted",
    async () => {
      const planned = await restore(server, FLAGS.replace("--yes", "--plan"));
      expect(planned.stderr).toContain(
        "the archive is of host s1, this is s9; it registers as node s1",
      );
      expect(await server.kubectl("get", "nodes", "--output=name")).toContain("node/s1\n");
    },
  );

  pitfall(
    11,
    "with the password of its own K3s rejects a node; the archive's comes back with it",
    async () => {
      const path = "/etc/rancher/node/password";
      expect(server.read(path).trim()).toBe(archive.expected.nodePassword);
      // As long as the reset's flag is there, the next start of K3s takes any password.
      await until("K3s takes the flag away", () =>
        Promise.resolve(!server.exists(`${DB}/reset-flag`)),
      );
      await server.must("systemctl stop k3s && hostname s1 && echo s1 > /etc/hostname");
      server.write(path, "0123456789abcdef0123456789abcdef\n");
      await server.run("systemctl start --no-block k3s");
      await until(
        "K3s rejects the node",
        async () =>
          (await server.run("journalctl -u k3s -o cat | grep -c 'Node password rejected'"))
            .exitCode === 0,
      );
      const result = await restore(server, FLAGS);
      expect({ exit: result.exitCode, stderr: result.stderr }).toMatchObject({ exit: 0 });
      expect(server.read(path).trim()).toBe(archive.expected.nodePassword);
      expect(await leftovers(server)).toBe("");
    },
  );
});
