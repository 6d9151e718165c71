/** A restore of one of three servers, cut off, while the others come up with their old data: it does not go on beside them. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { skipWithoutLab } from "../lab/server.ts";
import {
  JOURNAL,
  expectHeldBack,
  expectRefusal,
  isActive,
  leftovers,
  restore,
  signalledAt,
} from "./restore-host.ts";
import {
  each,
  eventually,
  expectDone,
  expectOneRestoredCluster,
  join,
  threeWithBackups,
} from "./three-servers.ts";
import type { Three } from "./three-servers.ts";

const MINUTES = 60_000;
const LISTENS = (address: string): string =>
  `python3 -c 'import socket; socket.create_connection(("${address}", 2380), 2)'`;

describe.skipIf(skipWithoutLab())("a restore that was cut off, beside other servers", () => {
  let three: Three;
  beforeAll(async () => {
    three = await threeWithBackups();
  }, 5 * MINUTES);
  afterAll(() => three?.[Symbol.asyncDispose]());
  beforeEach(async () => {
    await three.reset();
    await each([three.s2, three.s3], (server) => server.stopCluster());
  }, 5 * MINUTES);

  test(
    "power back for the whole rack during the check: --resume is refused while the old servers run, and this one is held back; stopped, it ends",
    async () => {
      const { s1, s2, s3 } = three;
      await signalledAt(s1, "check", { signal: "KILL" });
      await s1.cut();
      await each([s2, s3], (server) => server.startCluster({ timeout: 120_000 }));
      await s1.boot();
      await s1.run("systemctl is-system-running --wait");
      const refused = await restore(s1, "--resume");
      expectRefusal(refused, {
        exit: 10,
        says: /^error: K3s still runs on s2 \(10\.99\.0\.2, ports 2380, 6443\), s3 \(10\.99\.0\.3, ports 2380, 6443\): .*split brain$/,
        hint: "then go on: railiance-cluster restore --resume; or go back: railiance-cluster restore --rollback",
      });
      expect(refused.stderr).not.toContain("going back");
      expect(s1.exists(JOURNAL)).toBe(true);
      await expectHeldBack(s1);
      await each([s2, s3], (server) => eventually(server, "k3s kubectl get configmap later"));
      await each([s2, s3], (server) => server.must("systemctl disable --now k3s"));
      expectDone(await restore(s1, "--resume"));
      expect(await leftovers(s1)).toBe("");
      for (const server of [s2, s3]) expectDone(await join(server, s1));
      await expectOneRestoredCluster(three);
    },
    8 * MINUTES,
  );

  test(
    "cut when only finishing was left: a server that has joined is not in the way, one with its old data is",
    async () => {
      const { s1, s2, s3 } = three;
      await signalledAt(s1, "finish", { signal: "KILL" });
      expectDone(await join(s2, s1));
      await s3.must("systemctl start --no-block k3s");
      await eventually(s3, LISTENS("10.99.0.3"));
      expectRefusal(await restore(s1, "--resume"), {
        exit: 10,
        says: /^error: K3s still runs on s3 \(10\.99\.0\.3, port 2380\): /,
      });
      expect(await isActive(s1)).toBe(true);
      await s3.stopCluster();
      expectDone(await restore(s1, "--resume"));
      expect(await leftovers(s1)).toBe("");
      expectDone(await join(s3, s1));
      await expectOneRestoredCluster(three);
    },
    8 * MINUTES,
  );
});
