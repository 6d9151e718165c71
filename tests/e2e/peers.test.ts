/**
 * Restoring one of three servers, and bringing the others back to it
 * (k3s-observed.md 7, 8, 10, 13, 14). The lab's K3s is a stand-in; etcd is real.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { skipWithoutLab } from "../lab/server.ts";
import {
  DATA,
  STATE,
  expectRefusal,
  fingerprint,
  isActive,
  leftovers,
  objectsOf,
  restore,
} from "./restore-host.ts";
import {
  CONFIG,
  JOIN_FILE,
  TOKEN_COPY,
  each,
  expectDone,
  expectMembers,
  expectOneRestoredCluster,
  join,
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
          hint: "ssh root@10.99.0.2 systemctl stop k3s; ssh root@10.99.0.3 systemctl stop k3s",
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
    "restore on s1, then --peer on s2 and s3: three voters of one cluster, objects and CA of the backup",
    async () => {
      const { s1, s2, s3 } = three;
      await each([s2, s3], (server) => server.stopCluster());
      const done = await restore(s1, "--yes");
      expectDone(done);
      expect(done.stderr).toContain(
        "other servers  s2 (10.99.0.2), s3 (10.99.0.3): K3s does not run there",
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
      }
      await expectOneRestoredCluster(three);
    },
    5 * MINUTES,
  );
});
