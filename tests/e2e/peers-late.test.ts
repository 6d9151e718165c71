/** Other servers that come up while one of them is being restored: two with their old data are the old cluster again. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { skipWithoutLab } from "../lab/server.ts";
import { IN_A_RESTORE, backInPlace, inPlaceOfK3s } from "./k3s-in-place.ts";
import { JOURNAL, expectRefusal, leftovers } from "./restore-host.ts";
import { each, eventually, expectMembers, stoppedAt, threeWithBackups } from "./three-servers.ts";
import { PROGRAM } from "./workload.ts";
import type { CommandResult } from "../lab/server.ts";
import type { Three } from "./three-servers.ts";

const MINUTES = 60_000;
const LISTENS = `python3 -c 'import socket; socket.create_connection(("10.99.0.2", 2380), 2)'`;

describe.skipIf(skipWithoutLab())("peers that come up during a restore", () => {
  let three: Three;
  beforeAll(async () => {
    three = await threeWithBackups();
  }, 5 * MINUTES);
  afterAll(() => three?.[Symbol.asyncDispose]());
  beforeEach(async () => {
    await three.reset();
    await each([three.s2, three.s3], (server) => server.stopCluster());
  }, 5 * MINUTES);

  async function startOthers(): Promise<void> {
    const { s2, s3 } = three;
    await s2.must("systemctl start --no-block k3s");
    await eventually(s2, LISTENS);
    await s3.must("systemctl start --no-block k3s");
  }

  /** The three are the cluster that they were, with what no backup has. */
  async function expectOldCluster(result: CommandResult, doing: string): Promise<void> {
    const { s1, all } = three;
    expectRefusal(result, {
      exit: 10,
      says: new RegExp(
        `the restore failed while ${doing}: K3s still runs on s2 .*; what (ran|was there) before.*; the other servers, s2 \\(10\\.99\\.0\\.2\\), s3 \\(10\\.99\\.0\\.3\\), start again with, there: systemctl enable --now k3s$`,
      ),
      hint: "ssh root@10.99.0.2 systemctl disable --now k3s",
    });
    expect(await leftovers(s1)).toBe("");
    expect(s1.exists(JOURNAL)).toBe(false);
    await each(all, (server) => eventually(server, "k3s kubectl get configmap later"));
    await expectMembers(all);
  }

  test.each([
    ["before the reset", "stop", "restoring the database"],
    ["during the check", "check", "checking the restored cluster"],
  ])(
    "%s: seen, and what ran before runs again",
    async (_, step, doing) => {
      const { s1 } = three;
      const stopped = await stoppedAt(s1, step);
      await startOthers();
      await s1.must(`kill -CONT ${stopped.pid}`);
      await expectOldCluster(await stopped.done, doing);
    },
    6 * MINUTES,
  );

  test(
    "during the reset: seen before K3s starts on what was restored, and what ran before runs again",
    async () => {
      const { s1 } = three;
      const wrap = await inPlaceOfK3s(s1, IN_A_RESTORE);
      wrap(`[ -n "$reset" ] && {
  $real "$@"; code=$?; touch /root/was-reset; until [ -e /root/go-on ]; do sleep 0.1; done; exit $code; }`);
      try {
        const { done } = s1.start(`${PROGRAM} restore --yes`, { timeout: 4 * MINUTES });
        await eventually(s1, "test -e /root/was-reset");
        await startOthers();
        await s1.must("touch /root/go-on");
        await expectOldCluster(await done, "starting K3s");
      } finally {
        await backInPlace(s1);
      }
    },
    6 * MINUTES,
  );
});
