/**
 * Pitfalls of restoring K3s (pitfalls.ts) on a server with etcd: K3s's own sentence where it falls
 * in, ours where we keep out, and the state at the end. Whole scenarios are in tests/e2e.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { skipWithoutLab } from "../lab/server.ts";
import {
  DATA,
  expectRefusal,
  hostWithBackup,
  leftovers,
  objectsOf,
  restore,
  until,
} from "../e2e/restore-host.ts";
import { PROGRAM } from "../e2e/workload.ts";
import { archiveWith } from "./verifier/build.ts";
import {
  RESET,
  SNAP,
  expectRestored,
  lastReset,
  pitfallsOf,
  recordArguments,
  says,
} from "./pitfalls.ts";
import type { BareServer } from "../lab/server.ts";
import type { Backup } from "../e2e/restore-host.ts";

const DB = `${DATA}/server/db`;

const pitfall = pitfallsOf("etcd");

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
        hint: "as root",
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
    server.faults("save-slow 60");
    const first = server.start(`${PROGRAM} backup -q`);
    await until(
      "the first save runs",
      async () => (await server.run("pgrep -f '[e]tcd-snapshot save'")).exitCode === 0,
    );
    expectRefusal(await server.run(`${PROGRAM} backup`), {
      exit: 7,
      says: "another run is active",
    });
    server.faults("");
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
