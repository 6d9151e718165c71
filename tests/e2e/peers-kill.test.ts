/** `restore --peer` cut off: it ends as a voter of the restored cluster, or with its old data back in place and K3s stopped. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { skipWithoutLab } from "../lab/server.ts";
import {
  DATA,
  JOURNAL,
  expectHeldBack,
  expectRefusal,
  leftovers,
  restore,
  signalledAt,
} from "./restore-host.ts";
import {
  CONFIG,
  JOIN_FILE,
  TOKEN_COPY,
  atBoot,
  each,
  etcdctl,
  eventually,
  expectDone,
  expectOneRestoredCluster,
  join,
  threeWithBackups,
  urlOf,
} from "./three-servers.ts";
import type { BareServer } from "../lab/server.ts";
import type { Three } from "./three-servers.ts";

const MINUTES = 60_000;
const STEPS = ["guard", "stop", "aside", "files", "start", "check", "finish"];
/** K3s must not start on what is there. */
const HELD = new Set(["aside", "files", "start"]);

describe.skipIf(skipWithoutLab())("joining a restored server, cut off", () => {
  let three: Three;
  beforeAll(async () => {
    three = await threeWithBackups();
  }, 5 * MINUTES);
  afterAll(() => three?.[Symbol.asyncDispose]());
  beforeEach(async () => {
    await three.reset();
    await each([three.s2, three.s3], (server) => server.stopCluster());
    expectDone(await restore(three.s1, "--yes"));
    // So that there are files to write and to take back.
    three.s3.write(CONFIG, three.s3.read(CONFIG).replace(/^token:.*\n/m, ""));
  }, 5 * MINUTES);

  const flags = (): string => `--peer ${urlOf(three.s1)} --yes`;
  const resume = async (server: BareServer): Promise<void> => {
    const done = await restore(server, "--resume");
    expectDone(done);
    expect(done.stdout).toContain(`this server is a voter of the cluster at ${urlOf(three.s1)}`);
    expect(await leftovers(server)).toBe("");
    expect(await atBoot(server)).toBe("enabled");
  };
  const expectOldAgain = async (server: BareServer): Promise<void> => {
    expect((await server.run("systemctl is-active k3s")).stdout).toMatch(/^(?:inactive|failed)$/m);
    expect(await atBoot(server)).toBe("disabled");
    expect(server.exists(`${DATA}/server/db/etcd/member/wal`)).toBe(true);
    expect([server.exists(JOIN_FILE), server.exists(TOKEN_COPY)]).toEqual([false, false]);
    expect(await leftovers(server)).toBe("");
  };

  test(
    "kill -9 at every step, one after the other, each time resumed: a voter in the end, and nobody else starts K3s meanwhile",
    async () => {
      const { s1, s2, s3 } = three;
      let how = flags();
      for (const step of STEPS) {
        const killed = await signalledAt(s3, step, { signal: "KILL", flags: how });
        expect({ step, exit: killed.exitCode }).toEqual({ step, exit: 137 });
        if (HELD.has(step)) await expectHeldBack(s3);
        expectRefusal(await join(s3, s1), {
          exit: 10,
          says: `joining the restored server at ${urlOf(s1)} stopped at the step "${step}"`,
          hint: "restore --resume",
        });
        how = "--resume";
      }
      await resume(s3);
      expectDone(await join(s2, s1));
      await expectOneRestoredCluster(three);
    },
    8 * MINUTES,
  );

  test(
    "a power cut when K3s was about to start: held back after the boot; --rollback puts the old data back, starts nothing and disables it; then it joins",
    async () => {
      const { s1, s2, s3 } = three;
      await signalledAt(s3, "start", { signal: "KILL", flags: flags() });
      await s3.cut();
      await s3.boot();
      await s3.run("systemctl is-system-running --wait");
      await expectHeldBack(s3);
      const back = await restore(s3, "--rollback");
      expectDone(back);
      expect(back.stderr).toContain(
        "its old data is back in place and K3s is stopped; do not start it",
      );
      await expectOldAgain(s3);
      const terminated = await signalledAt(s3, "aside", { signal: "TERM", flags: flags() });
      expectRefusal(terminated, {
        exit: 143,
        says: /stopped by SIGTERM while .*; its old data is back/,
      });
      await expectOldAgain(s3);
      // As it is when nobody stopped it there: it runs, with its old data.
      await s3.must("systemctl enable k3s; systemctl start --no-block k3s");
      const early = await signalledAt(s3, "stop", { signal: "TERM", flags: flags() });
      expectRefusal(early, { exit: 143, says: "does not start at the next boot either" });
      await expectOldAgain(s3);
      for (const server of [s3, s2]) expectDone(await join(server, s1));
      await expectOneRestoredCluster(three);
    },
    8 * MINUTES,
  );

  test(
    "killed when it has its vote already: --rollback is refused, for the restored server would lose its quorum; --resume ends it",
    async () => {
      const { s1, s2, s3 } = three;
      await signalledAt(s3, "check", { signal: "KILL", flags: flags() });
      await eventually(s1, `${etcdctl("member list")} | grep -c ', false$' | grep -x 2`);
      await eventually(s3, "k3s kubectl get --raw /readyz");
      expectRefusal(await restore(s3, "--rollback"), {
        exit: 10,
        says: `this server has a vote in the cluster at ${urlOf(s1)} by now`,
        hint: "restore --resume",
      });
      expect(s3.exists(JOURNAL)).toBe(true);
      await eventually(s1, "k3s kubectl get --raw /readyz");
      await resume(s3);
      expectDone(await join(s2, s1));
      await expectOneRestoredCluster(three);
    },
    8 * MINUTES,
  );

  test(
    "K3s killed while it joins, as a learner: --resume goes on with the same member",
    async () => {
      const { s1, s2, s3 } = three;
      await signalledAt(s3, "check", { signal: "KILL", flags: flags() });
      await eventually(s3, `test -d ${DATA}/server/db/etcd/member/wal`);
      await s3.must("systemctl kill --kill-whom=main -s KILL k3s");
      await resume(s3);
      expectDone(await join(s2, s1));
      await expectOneRestoredCluster(three);
    },
    8 * MINUTES,
  );
});
