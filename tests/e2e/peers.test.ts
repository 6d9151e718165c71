/**
 * Restoring one of three servers, and bringing the others back to it
 * (k3s-observed.md 7, 8, 10, 13, 14). The lab's K3s is a stand-in; etcd is real.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { skipWithoutLab } from "../lab/server.ts";
import {
  DATA,
  expectRefusal,
  fingerprint,
  isActive,
  leftovers,
  objectsOf,
  restore,
} from "./restore-host.ts";
import {
  JOIN_FILE,
  atBoot,
  each,
  eventually,
  expectDone,
  expectOneRestoredCluster,
  join,
  leaderOf,
  threeWithBackups,
  urlOf,
} from "./three-servers.ts";
import type { Three } from "./three-servers.ts";

const MINUTES = 60_000;

describe.skipIf(skipWithoutLab())("one of three servers is restored", () => {
  let three: Three;
  beforeAll(async () => {
    three = await threeWithBackups();
  }, 5 * MINUTES);
  afterAll(() => three?.[Symbol.asyncDispose]());

  test(
    "while the others run: refused, nothing touched, each named with the command that stops it, --force or not",
    async () => {
      const { s1, all } = three;
      const before = await fingerprint(s1);
      for (const flags of ["--yes", "--yes --force"]) {
        const refused = await restore(s1, flags);
        expectRefusal(refused, {
          exit: 10,
          says: /K3s still runs on s2 \(10\.99\.0\.2, ports 2380, 6443\), s3 \(10\.99\.0\.3, ports 2380, 6443\): .*split brain/,
          hint: "ssh root@10.99.0.2 systemctl disable --now k3s; ssh root@10.99.0.3 systemctl disable --now k3s",
        });
      }
      expect(await fingerprint(s1)).toBe(before);
      expect(await leftovers(s1)).toBe("");
      expect(await each(all, isActive)).toEqual([true, true, true]);
      const plan = await restore(s1, "--plan");
      expect(plan.exitCode).toBe(0);
      expect(plan.stdout).toContain("first          stop K3s there first: ssh root@10.99.0.2");
      expect(plan.stdout).toContain(
        `then on s2 (10.99.0.2), with its old data still there: railiance-cluster restore --peer ${urlOf(s1)}`,
      );
    },
    2 * MINUTES,
  );

  test(
    "restore on s1, then --peer on s2 and s3, disabled as asked: three voters of one cluster, enabled again, objects and CA of the backup",
    async () => {
      const { s1, s2, s3 } = three;
      await each([s2, s3], (server) => server.must("systemctl disable --now k3s"));
      const done = await restore(s1, "--yes");
      expectDone(done);
      expect(done.stderr).toContain(
        "other servers  silent: s2 (10.99.0.2), s3 (10.99.0.3); stopped, off, or alive behind a cut cable",
      );
      expect(done.stdout).toContain(`restore --peer ${urlOf(s1)}`);
      for (const server of [s2, s3]) {
        const joined = await join(server, s1);
        expectDone(joined);
        expect(joined.stdout).toContain(`this server is a voter of the cluster at ${urlOf(s1)}`);
        expect(server.exists(JOIN_FILE)).toBe(false);
        expect((await server.must(`ls ${DATA}/server/before-*/db-etcd`)).trim()).toContain(
          "member",
        );
        expect(await leftovers(server)).toBe("");
        expect(await atBoot(server)).toBe("enabled");
      }
      await expectOneRestoredCluster(three);
    },
    5 * MINUTES,
  );

  test(
    "run again on a server that has joined: nothing is done, but that K3s is enabled where somebody has disabled it",
    async () => {
      const { s1, s2 } = three;
      const before = await fingerprint(s2);
      const again = await join(s2, s1);
      expectDone(again);
      expect(again.stderr).toContain("is a voter of the cluster at https://10.99.0.1:6443 already");
      expect(again.stderr).not.toContain("enabled");
      await s2.must("systemctl disable k3s");
      const once = await join(s2, s1);
      expectDone(once);
      expect(once.stderr).toContain("already; enabled, so that it starts at boot");
      expect(await atBoot(s2)).toBe("enabled");
      expect(await fingerprint(s2)).toBe(before);
      expect(await isActive(s2)).toBe(true);
    },
    MINUTES,
  );

  test(
    "losing the leader: the other two go on, and the lost one is not restored beside them",
    async () => {
      await three.reset();
      const { s1, s2, s3, servers } = three;
      const leader = await leaderOf(three.all);
      const others = three.all.filter((server) => server !== leader);
      await leader.cut();
      for (const server of others) await eventually(server, "k3s kubectl get configmap later");
      await leader.boot();
      await eventually(leader, "k3s kubectl get configmap later");
      await servers.plug(three.all.indexOf(leader), false);
      // Behind a cut cable it sees nobody: the plan says so, for they may well be alive.
      const plan = await restore(leader, "--plan");
      expectDone(plan);
      for (const { name } of others)
        expect(plan.stdout).toMatch(new RegExp(`silent: .*${name}.*cut cable`));
      await servers.plug(three.all.indexOf(leader), true);
      const refused = await restore(leader, "--yes");
      expectRefusal(refused, { exit: 10, says: "K3s still runs on " });
      await each([s1, s2, s3], async (server) =>
        eventually(server, "k3s kubectl get --raw /readyz"),
      );
    },
    5 * MINUTES,
  );

  test(
    "losing quorum: s1 and s2 are off, s3 is restored, and says that they were silent; they come back through --peer",
    async () => {
      await three.reset();
      const { s1, s2, s3 } = three;
      await each([s1, s2], (server) => server.cut());
      const done = await restore(s3, "--yes");
      expectDone(done);
      expect(done.stderr).toMatch(
        /silent: s1 \(10\.99\.0\.1\), s2 \(10\.99\.0\.2\); stopped, off, or alive behind a cut cable\n +none may be started with its old data/,
      );
      // Both boot and start K3s with their old data, as machines do when power comes back.
      await each([s1, s2], (server) => server.boot());
      await each([s1, s2], (server) => eventually(server, "k3s kubectl get configmap later"));
      expect(await objectsOf(s3)).toBe(three.objects);
      // A split brain. The first to join is told that the other is no restored server, also once both run and vote.
      await eventually(s1, "systemctl is-active k3s");
      expectRefusal(await join(s1, s2), {
        exit: 10,
        says: "is a member of the cluster at https://10.99.0.2:6443 already, so nothing is to be moved aside",
        hint: "if it was not restored, it still runs the old cluster: give the address that the restore printed",
      });
      expectRefusal(await restore(s3, "--yes"), { exit: 10, says: "K3s still runs on s1" });
      for (const server of [s1, s2]) expectDone(await join(server, s3));
      expect(s1.read(JOIN_FILE)).toContain(`server: ${urlOf(s3)}`);
      await expectOneRestoredCluster(three);
    },
    8 * MINUTES,
  );

  test(
    "one old peer started by hand with its old data hangs; --peer brings it in all the same",
    async () => {
      await three.reset();
      const { s1, s2, s3 } = three;
      await each([s2, s3], (server) => server.stopCluster());
      expectDone(await restore(s1, "--yes"));
      await s2.must("systemctl start --no-block k3s");
      await eventually(
        s2,
        "python3 -c 'import socket; socket.create_connection((\"10.99.0.2\", 2380), 2)'",
      );
      expect(await isActive(s2)).toBe(false);
      // A second restore of s1 sees it, although its API does not answer.
      expectRefusal(await restore(s1, "--yes"), {
        exit: 10,
        says: "K3s still runs on s2 (10.99.0.2, port 2380)",
      });
      for (const server of [s2, s3]) expectDone(await join(server, s1));
      await expectOneRestoredCluster(three);
    },
    8 * MINUTES,
  );

  test(
    "somebody else at a peer's address: refused, and loud when forced; a server of the cluster there is never overridden",
    async () => {
      await three.reset();
      const { s1, s2, s3 } = three;
      await each([s2, s3], (server) => server.stopCluster());
      const listener = s2.start("python3 -m http.server 6443 --bind 10.99.0.2");
      await eventually(
        s2,
        "python3 -c 'import socket; socket.create_connection((\"10.99.0.2\", 6443), 2)'",
      );
      expectRefusal(await restore(s1, "--yes"), {
        exit: 10,
        says: "something still answers at 10.99.0.2 (port 6443), where server s2 was",
        hint: "only when that address has gone to another machine: --force",
      });
      const forced = await restore(s1, "--yes --force");
      expectDone(forced);
      expect(
        forced.stderr.match(/FORCED: something answers at 10\.99\.0\.2 \(port 6443\)/g)?.length,
      ).toBe(1);
      listener.signal("SIGTERM");
      await listener.done;
      for (const server of [s2, s3]) expectDone(await join(server, s1));
      await expectOneRestoredCluster(three);
    },
    6 * MINUTES,
  );
});
