/** What the configuration of a server that joins a restored one has to say, and what is said when it differs (k3s-observed.md 14.1, 14.3). */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { PROGRAM } from "./workload.ts";
import { faulty, wasMet } from "../fault/operations.ts";
import { skipWithoutLab } from "../lab/server.ts";
import {
  DATA,
  JOURNAL,
  STATE,
  expectRefusal,
  fingerprint,
  leftovers,
  restore,
} from "./restore-host.ts";
import {
  CONFIG,
  JOIN_FILE,
  TOKEN_COPY,
  atBoot,
  each,
  expectDone,
  expectOneRestoredCluster,
  join,
  threeWithBackups,
  urlOf,
} from "./three-servers.ts";
import type { Three } from "./three-servers.ts";

const MINUTES = 60_000;
const UNIT_FLAG =
  "[Service]\nExecStart=\nExecStart=/usr/local/bin/k3s server --server https://10.99.0.2:6443\n";

describe.skipIf(skipWithoutLab())("the configuration of a server that joins a restored one", () => {
  let three: Three;
  beforeAll(async () => {
    three = await threeWithBackups();
  }, 5 * MINUTES);
  afterAll(() => three?.[Symbol.asyncDispose]());
  beforeEach(() => three.reset(), 3 * MINUTES);
  afterEach(async () => {
    expect(await each(three.all, leftovers)).toEqual(["", "", ""]);
  });

  test(
    "restored on s2: s1 with cluster-init and its token only in a file gets server: and token-file:, s3 a new server:; all three are one cluster",
    async () => {
      const { s1, s2, s3 } = three;
      await each([s1, s3], (server) => server.stopCluster());
      // K3s refuses to reset with either of the two; its plain start works with both (10, 14.3).
      expect(s2.read(CONFIG)).toContain("server: https://10.99.0.1:6443");
      s2.write("/etc/systemd/system/k3s.service.env", "K3S_URL=https://10.99.0.1:6443\n");
      const done = await restore(s2, "--yes");
      expectDone(done);
      expect(done.stdout).toContain(`restore --peer ${urlOf(s2)}`);
      const plan = await join(s1, s2, "--plan");
      expect(plan.stdout).toContain(`${JOIN_FILE} (server: ${urlOf(s2)} and token-file:)`);
      expect(s1.exists(JOIN_FILE)).toBe(false);
      for (const server of [s1, s3]) expectDone(await join(server, s2));
      expect(s1.read(JOIN_FILE)).toContain(`server: ${urlOf(s2)}\ntoken-file: ${TOKEN_COPY}\n`);
      expect((await s1.must(`stat -c '%a %a' ${TOKEN_COPY} $(dirname ${TOKEN_COPY})`)).trim()).toBe(
        "600 600\n700 700",
      );
      expect(s3.read(JOIN_FILE)).toContain(`server: ${urlOf(s2)}\n`);
      expect(s3.exists(TOKEN_COPY)).toBe(false);
      await expectOneRestoredCluster(three);
      // What was written is enough for every start to come.
      await each(three.all, (server) =>
        server.must("systemctl restart k3s", { timeout: 2 * MINUTES }),
      );
      await expectOneRestoredCluster(three);
      expect(done.stderr + done.stdout).not.toContain(s1.read(TOKEN_COPY).trim().slice(-20));
    },
    6 * MINUTES,
  );

  test(
    "a peer whose token is only in server/token would come up alone, empty and ready; with --peer it joins",
    async () => {
      const { s1, s2, s3 } = three;
      await each([s2, s3], (server) => server.stopCluster());
      expectDone(await restore(s1, "--yes"));
      s3.write(CONFIG, s3.read(CONFIG).replace(/^token:.*\n/m, ""));
      expectDone(await join(s3, s1));
      expect(s3.read(JOIN_FILE)).toContain(`token-file: ${TOKEN_COPY}\n`);
      expect(s3.exists(`${DATA}/server/db/state.db`)).toBe(false);
      expectDone(await join(s2, s1));
      await expectOneRestoredCluster(three);
    },
    6 * MINUTES,
  );

  test(
    "settings that differ: one sentence that names them, the old data back, K3s stopped, also after a reboot of all that were refused; made equal, they join",
    async () => {
      const { s1, s2, s3 } = three;
      await each([s2, s3], (server) => server.stopCluster());
      expectDone(await restore(s1, "--yes"));
      const configs = [s2, s3].map((server) => server.read(CONFIG));
      for (const server of [s2, s3]) {
        server.write(CONFIG, `${server.read(CONFIG)}cluster-cidr: 10.44.0.0/16\n`);
        expectRefusal(await join(server, s1), {
          exit: 1,
          says: /K3s was refused because cluster-cidr differs between this server and the restored one.*; its old data is back in place and K3s is stopped; .*it is disabled, so that it does not start at the next boot either/,
          hint: `make cluster-cidr in this server's configuration the same as there, then again: railiance-cluster restore --peer ${urlOf(s1)}`,
        });
        expect(server.exists(`${DATA}/server/db/etcd/member/wal`)).toBe(true);
      }
      for (const server of [s2, s3]) await server.powerOff();
      for (const server of [s2, s3]) await server.boot();
      for (const [index, server] of [s2, s3].entries()) {
        await server.run("systemctl is-system-running --wait");
        expect((await server.run("systemctl is-active k3s")).stdout.trim()).toBe("inactive");
        server.write(CONFIG, configs[index] ?? "");
      }
      for (const server of [s3, s2]) {
        expectDone(await join(server, s1));
        expect(await atBoot(server)).toBe("enabled");
      }
      await expectOneRestoredCluster(three);
    },
    6 * MINUTES,
  );

  test(
    "a disk that fails when the journal has just been made: nothing is touched, and nothing is left of it",
    async () => {
      const { s1, s2, s3 } = three;
      await each([s2, s3], (server) => server.stopCluster());
      expectDone(await restore(s1, "--yes"));
      const before = await fingerprint(s3);
      const flags = `restore --peer ${urlOf(s1)} --yes`;
      // First its temp file is synced, then it gets its name; then its folder is synced.
      const made = { path: "restore.journal", after: true };
      const order = { action: "EIO", number: 2, of: made, kinds: "rename,sync" };
      const failed = await s3.run(faulty(flags, order), { timeout: 60_000 });
      expect(wasMet(s3)).toBe(true);
      expectRefusal(failed, { exit: 5, says: "cannot write to ", hint: "nothing unfinished" });
      expect(s3.exists(JOURNAL)).toBe(false);
      expect((await s3.run(`ls -d ${STATE}/restore-*-join`)).stdout).toBe("");
      expect(await fingerprint(s3)).toBe(before);
      for (const server of [s3, s2]) expectDone(await join(server, s1));
      await expectOneRestoredCluster(three);
    },
    6 * MINUTES,
  );

  test(
    "the plan sends the others to the port that the archive gives K3s, which this host does not have yet",
    async () => {
      const { s3, all } = three;
      const config = s3.read(CONFIG);
      s3.write(CONFIG, `${config}https-listen-port: 7443\n`);
      await s3.must("systemctl restart k3s", { timeout: 2 * MINUTES });
      await s3.must("install -d -m 0700 /root/other-port");
      await s3.must(`${PROGRAM} backup -q --dir /root/other-port`, { timeout: 120_000 });
      await each(all, (server) => server.stopCluster());
      s3.write(CONFIG, config);
      const plan = await restore(s3, "--plan --dir /root/other-port");
      expectDone(plan);
      expect(plan.stdout).toContain("restore --peer https://10.99.0.3:7443");
    },
    3 * MINUTES,
  );

  test(
    "what no file overrides, and what cannot be right, is refused before anything is touched",
    async () => {
      const { s1, s2, s3 } = three;
      expectRefusal(await join(s1, s1), { exit: 2, says: "is this server itself" });
      expectRefusal(
        await s3.run(
          `/opt/railiance/bin/railiance-cluster restore --peer https://10.99.0.77:6443 --yes`,
        ),
        {
          exit: 5,
          says: "no K3s server answers at https://10.99.0.77:6443",
        },
      );
      // s2 was never restored: it is the old cluster, of which s3 is a member.
      await s3.stopCluster();
      expectRefusal(await join(s3, s2), {
        exit: 10,
        says: "is a member of the cluster at https://10.99.0.2:6443 already",
        hint: "if it was not restored, it still runs the old cluster",
      });
      await each([s1, s2], (server) => server.stopCluster());
      expectDone(await restore(s1, "--yes"));
      const before = await fingerprint(s3);
      s3.write("/etc/systemd/system/k3s.service.d/flag.conf", UNIT_FLAG);
      expectRefusal(await join(s3, s1), {
        exit: 5,
        says: "the command line in k3s.service says --server otherwise",
        hint: "systemctl cat k3s",
      });
      s3.remove("/etc/systemd/system/k3s.service.d");
      const token = s3.read(`${DATA}/server/token`);
      const [config, passwd] = [s3.read(CONFIG), s3.read(`${DATA}/server/cred/passwd`)];
      s3.write(`${DATA}/server/token`, "another\n");
      s3.write(`${DATA}/server/cred/passwd`, "another,server,server,k3s:server\n");
      s3.write(CONFIG, config.replace(/^token:.*$/m, "token: another"));
      expectRefusal(await join(s3, s1), { exit: 5, says: "takes none of the tokens of this host" });
      s3.write(`${DATA}/server/token`, token);
      s3.write(`${DATA}/server/cred/passwd`, passwd);
      s3.write(CONFIG, config);
      const authority = s3.read(`${DATA}/server/tls/server-ca.crt`);
      s3.write(
        `${DATA}/server/tls/server-ca.crt`,
        s3.read(`${DATA}/server/tls/client-ca.crt`),
        0o644,
      );
      expectRefusal(await join(s3, s1), { exit: 10, says: "belongs to another cluster (CA " });
      s3.write(`${DATA}/server/tls/server-ca.crt`, authority, 0o644);
      expect(await fingerprint(s3)).toBe(before);
      expectRefusal(await join(s3, s1, ""), { exit: 10, says: "joining has to be confirmed" });
      expect(await fingerprint(s3)).toBe(before);
    },
    3 * MINUTES,
  );
});
