/** Snapshots that K3s does not save, saves elsewhere or saves broken; tokens that do not fit; settings that get in the way. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { heldUpSave, untilK3sSaid } from "../lab/k3s-said.ts";
import { createServer, skipWithoutLab, startBareServer } from "../lab/server.ts";
import { SNAPSHOTS, backedUp, clearArchives, leftovers, refused } from "./bad-backup.ts";
import { backInPlace, inPlaceOfK3s } from "./k3s-in-place.ts";
import { ARCHIVES, PROGRAM, giveKey } from "./workload.ts";
import type { BareServer } from "../lab/server.ts";

const SERVER_FOLDER = "/var/lib/rancher/k3s/server";

describe.skipIf(skipWithoutLab())("a backup whose snapshot goes wrong", () => {
  let server: BareServer;

  beforeAll(async () => {
    server = await startBareServer();
    await giveKey(server);
  }, 120_000);
  afterAll(() => server[Symbol.asyncDispose]());
  beforeEach(() => clearArchives(server));
  afterEach(() => server.faults(""));

  test("shows the reason K3s recorded when it exits 0 and writes nothing", async () => {
    server.faults("save-silent");
    await refused(server, "", {
      exit: 5,
      says: "k3s reported success but wrote no snapshot: ordered by the lab: no space left on device",
      hint: `free space of ${SNAPSHOTS}`,
    });
  }, 30_000);

  test("shows it for a disk that is really full", async () => {
    await server.must(
      `mkdir -p ${SNAPSHOTS} && mount -t tmpfs -o size=256k,mode=700 none ${SNAPSHOTS}`,
    );
    try {
      await refused(server, "", {
        exit: 5,
        says: /k3s reported success but wrote no snapshot: .*no space left on device/,
      });
    } finally {
      await server.must(`umount ${SNAPSHOTS}`);
    }
  }, 30_000);

  test("finds the reason of a numbered error in K3s's log", async () => {
    server.faults("save-error");
    await refused(server, "", {
      exit: 5,
      says: "k3s could not save a snapshot: ordered by the lab",
    });
  }, 30_000);

  test("refuses one that went to another node", async () => {
    // The fault moves the file to /tmp, which has to be on the same file system for that.
    await server.run("umount -l /tmp");
    server.faults("save-wrong-node");
    await refused(server, "", {
      exit: 5,
      says: /k3s saved the snapshot railiance-s2-\S+, but it is not on this host in \S+\/snapshots$/,
      hint: "another server of the cluster",
    });
  }, 30_000);

  test("refuses one that was cut", async () => {
    for (const fault of ["cut-snapshot", "cut-snapshot 4096", "cut-snapshot 0"]) {
      server.faults(fault);
      await refused(server, "", { exit: 4, says: /snapshot/ });
    }
  }, 60_000);

  test("refuses one with a flipped bit, wherever it is", async () => {
    for (const at of ["", "0", "100000"]) {
      server.faults(`flip-snapshot ${at}`);
      await refused(server, "", { exit: 4, says: /snapshot/ });
    }
  }, 60_000);

  test("waits for another snapshot that is being taken", async () => {
    server.faults("save-slow 60");
    const other = server.start("k3s etcd-snapshot save --name theirs");
    await untilK3sSaid(server, heldUpSave("theirs"));
    const ours = backedUp(server);
    await untilK3sSaid(server, "snapshot save already in progress");
    server.faults("");
    await ours;
    expect((await other.done).exitCode).toBe(0);
    expect((await server.run(`ls ${SNAPSHOTS}`)).stdout).toMatch(/^theirs-s1-\d+\n$/);
    await server.must(`rm ${SNAPSHOTS}/theirs-*`);
  }, 60_000);

  test("goes on with one that K3s's client gave up, once the server has finished it", async () => {
    const wrap = await inPlaceOfK3s(server);
    try {
      server.faults("save-slow 4");
      wrap(`if [ "$1 $2" = "etcd-snapshot save" ]; then
  setsid $real "$@" >/dev/null 2>&1 </dev/null &
  sleep 1
  echo 'time="2026-11-28T02:32:07Z" level=fatal msg="Error: Post \\"https://127.0.0.1:6443/db/snapshot\\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)"' >&2
  exit 1
fi`);
      const { said } = await backedUp(server);
      expect(said).toContain("k3s's own client gave up waiting; the server goes on");
      expect(said).toContain("trailer ok");
    } finally {
      await backInPlace(server);
    }
  }, 60_000);

  test("warns of a snapshot that K3s does not remove; the next run does", async () => {
    server.faults("delete-fails");
    const result = await server.run(`${PROGRAM} backup`);
    expect(result.exitCode).toBe(0);
    expect(result.stderr).toMatch(
      /^warning: the snapshot \S+railiance-s2-\S+ could not be removed through k3s\n {2}remove it: k3s etcd-snapshot delete/m,
    );
    expect(await leftovers(server)).toContain(SNAPSHOTS);
    server.faults("");
    const { said } = await backedUp(server);
    expect(said).toMatch(/removing the snapshot railiance-s2-\S+, left by a run that was cut off/);
  }, 60_000);

  describe("because of the token:", () => {
    test("server/token of another cluster: works with the one in cred/passwd, and says so", async () => {
      const right = server.read(`${SERVER_FOLDER}/token`);
      server.write(`${SERVER_FOLDER}/token`, `K10${"0".repeat(64)}::server:other\n`);
      const { said, path } = await backedUp(server);
      expect(said).toMatch(
        /^warning: k3s refuses the token in \S+\/server\/token .*the one in \S+\/cred\/passwd is right and was used$/m,
      );
      expect(said).not.toContain("other\n");
      expect((await server.run(`${PROGRAM} verify ${path}`)).exitCode).toBe(0);
      const { stdout } = await server.run(`${PROGRAM} extract k3s/token -o - -q`);
      expect(right.trim().endsWith(stdout.trim())).toBe(true);
      server.write(`${SERVER_FOLDER}/token`, right);
    }, 60_000);

    test("server/token missing: the same, and the restart it asks for brings it back", async () => {
      const right = server.read(`${SERVER_FOLDER}/token`);
      server.remove(`${SERVER_FOLDER}/token`);
      const { said } = await backedUp(server);
      expect(said).toMatch(/^warning: there is no server token below .*cred\/passwd is right/m);
      expect(said).toContain("systemctl restart k3s");
      await server.must("systemctl restart k3s", { timeout: 60_000 });
      expect(server.read(`${SERVER_FOLDER}/token`)).toBe(right);
    }, 90_000);

    test("both of another cluster, or both gone: refused", async () => {
      const token = server.read(`${SERVER_FOLDER}/token`);
      const passwd = server.read(`${SERVER_FOLDER}/cred/passwd`);
      const password = /::server:(\w+)/.exec(token)?.[1] ?? "";
      server.write(`${SERVER_FOLDER}/token`, token.replace(password, "ffff"));
      server.write(`${SERVER_FOLDER}/cred/passwd`, passwd.replaceAll(password, "eeee"));
      const wrong = await refused(server, "", {
        exit: 5,
        says: `k3s refuses the token in ${SERVER_FOLDER}/server/token`.replace(
          "/server/server",
          "/server",
        ),
        hint: "put the cluster's own token back",
      });
      expect(wrong.stderr).not.toMatch(/ffff|eeee/);
      server.remove(`${SERVER_FOLDER}/token`);
      server.remove(`${SERVER_FOLDER}/cred/passwd`);
      await refused(server, "", {
        exit: 5,
        says: `there is no server token: ${SERVER_FOLDER}/token is missing`,
        hint: "--data-dir",
      });
      server.write(`${SERVER_FOLDER}/token`, token);
      server.write(`${SERVER_FOLDER}/cred/passwd`, passwd);
    }, 60_000);
  });

  test("says that k3s is down, and on which port it was asked", async () => {
    await server.stopCluster();
    await refused(server, "", {
      exit: 5,
      says: "k3s does not answer on port 6443",
      hint: "systemctl start k3s",
    });
    await server.startCluster();
  }, 90_000);

  test("finds a data folder that only the unit names, then one that only config.yaml names", async () => {
    await server.stopCluster();
    const unit = server.read("/etc/systemd/system/k3s.service");
    const config = server.read("/etc/rancher/k3s/config.yaml");
    await server.must("mv /var/lib/rancher/k3s /srv/k3s");
    server.write(
      "/etc/systemd/system/k3s.service",
      unit.replace(/server \\\n/, "server \\\n    '--data-dir' \\\n    '/srv/k3s' \\\n"),
    );
    await server.must("systemctl daemon-reload");
    await server.startCluster();
    await backedUp(server);
    await server.stopCluster();
    server.write("/etc/systemd/system/k3s.service", unit);
    server.write("/etc/rancher/k3s/config.yaml", `${config}data-dir: /srv/k3s/\n`);
    await server.must("systemctl daemon-reload");
    await server.startCluster();
    await backedUp(server);
    await server.stopCluster();
    server.write("/etc/rancher/k3s/config.yaml", config);
    await server.must("mv /srv/k3s /var/lib/rancher/k3s");
    await server.startCluster();
  }, 180_000);
});

describe.skipIf(skipWithoutLab())("a backup beside a configuration full of traps", () => {
  test("works with snapshot dir, compression, a clashing name, token file and unknown keys", async () => {
    await using server = await createServer({
      config: `etcd-snapshot-dir: /srv/snapshots
etcd-snapshot-compress: true
etcd-snapshot-name: railiance
etcd-snapshot-retention: 1
token-file: /etc/rancher/token
no-such-key: 1
write-kubeconfig-mode: "0640"
`,
    });
    // The template's own token, as an operator would have it in a file.
    server.write("/etc/rancher/token", server.read(`${SERVER_FOLDER}/token`));
    await server.boot();
    await server.must("mkdir -p -m 0700 /srv/snapshots");
    await server.startCluster();
    await giveKey(server);
    const { said } = await backedUp(server);
    expect(said).not.toContain("Unknown flag");
    expect((await server.run("ls /srv/snapshots")).stdout).toBe("");
    const { stdout } = await server.run(`${PROGRAM} verify && ls ${ARCHIVES} | wc -l`);
    expect(stdout).toMatch(/2\n$/);
  }, 120_000);
});
