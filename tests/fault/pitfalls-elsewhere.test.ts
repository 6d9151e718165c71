/**
 * Pitfalls of restoring K3s (pitfalls.ts) on a server with SQLite, and on a host that never ran
 * K3s: K3s's own sentence where it falls in, ours where we keep out, and the state at the end.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { skipWithoutLab, startBareServer } from "../lab/server.ts";
import {
  DATA,
  authorityOf,
  expectRefusal,
  hostWithBackup,
  leftovers,
  restore,
  until,
} from "../e2e/restore-host.ts";
import { PROGRAM } from "../e2e/workload.ts";
import { released } from "./old-archives/released.ts";
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

const DB = `${DATA}/server/db`;

const pitfall = pitfallsOf("elsewhere");

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

  pitfall(
    12,
    "as a new node it is told of the old one, which stays until somebody types what it says",
    async () => {
      await server.must("hostname s9 && echo s9 > /etc/hostname");
      // Under its old name it would take the old object over, and nothing would linger.
      expect(await nodesOf(server)).toEqual(["node/s1"]);
      const planned = await restore(server, FLAGS.replace("--yes", "--plan"));
      expect(planned.stderr).toContain(
        "the archive is of host s1, this is s9; it registers as node s1",
      );
      const result = await restore(server, `${FLAGS} --new-node`);
      expect({ exit: result.exitCode, stderr: result.stderr }).toEqual({
        exit: 0,
        stderr: expect.stringContaining("node s1 has not been heard of since the restore"),
      });
      expect(await nodesOf(server)).toEqual(["node/s1", "node/s9"]);
      expect(await leftovers(server)).toBe("");
      const said = /\S*k3s kubectl delete node s1/.exec(result.stderr);
      await server.must(said?.[0] ?? "false");
      expect(await nodesOf(server)).toEqual(["node/s9"]);
    },
  );
});

async function nodesOf(server: BareServer): Promise<string[]> {
  const names = await server.kubectl("get", "nodes", "--output=name");
  return names.trim().split("\n").toSorted();
}
