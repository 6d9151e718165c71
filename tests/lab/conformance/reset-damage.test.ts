/** k3s-observed.md 4, 13: a reset from damaged snapshots, and what a plain start makes of what is left. */
import { describe, expect, test } from "bun:test";
import { DATA, authorityOf, baseAuthorityOf } from "./stage.ts";
import { stageForFile } from "./staged.ts";
import type { Stage } from "./stage.ts";

let stage: Stage;
const SKIPPED = stageForFile((opened) => (stage = opened));

describe.skipIf(SKIPPED)(
  "damaged snapshots (4) and what a plain start makes of the rest (13)",
  () => {
    const damages: [string, string, RegExp, string[] | undefined][] = [
      [
        "flipped bit",
        "printf '\\377' | dd of=/root/bad bs=1 seek=20000 conv=notrunc status=none",
        /expected sha256 \[[\d ]+\], got \[[\d ]+\]/,
        ["member"],
      ],
      [
        "flipped trailer",
        "printf '\\377\\376' | dd of=/root/bad bs=1 seek=$(( $(stat -c %s /root/bad) - 3 )) conv=notrunc status=none",
        /expected sha256/,
        ["member"],
      ],
      ["512 bytes cut off", "truncate -s -512 /root/bad", /expected sha256/, ["member"]],
      [
        "cut in half",
        "truncate -s $(( $(stat -c %s /root/bad) / 1024 * 512 )) /root/bad",
        /snapshot missing hash but --skip-hash-check=false/,
        ["member"],
      ],
      [
        "trailer missing",
        "truncate -s -32 /root/bad",
        /snapshot missing hash but --skip-hash-check=false/,
        ["member"],
      ],
      ["empty", "truncate -s 0 /root/bad", /seek \/root\/bad: invalid argument/, undefined],
    ];
    for (const [name, script, message, left] of damages) {
      test(`${name}: exit 1, the database already moved away`, async () => {
        await stage.pristine();
        await stage.server.must(`cp /root/good.snap /root/bad; ${script}`);
        const { exitCode, said } = await stage.reset(["--cluster-reset-restore-path=/root/bad"]);
        expect(said).toMatch(
          /level=fatal msg="Error: starting kubernetes: failed to start cluster: start managed database: /,
        );
        expect(said).toMatch(message);
        expect(exitCode).toBe(1);
        expect(await stage.names("server/db")).toEqual([
          ...(left === undefined ? [] : ["etcd"]),
          "etcd-old-N",
          "snapshots",
        ]);
        if (left !== undefined) expect(await stage.names("server/db/etcd")).toEqual(left);
      });
    }

    async function torso(config: string): Promise<void> {
      await stage.pristine(config);
      await stage.server.must("cp /root/good.snap /root/bad; truncate -s -32 /root/bad");
      await stage.reset(["--cluster-reset-restore-path=/root/bad"]);
    }

    test("a plain start then silently brings up an empty SQLite cluster, same CA; the way back works, with a stray state.db beside it", async () => {
      await torso("");
      expect((await stage.plain()).state).toBe("ready");
      expect(await stage.objects()).toEqual([]);
      expect(await authorityOf(stage)).toBe(await baseAuthorityOf(stage));
      expect(await stage.names("server/db")).toEqual([
        "etcd",
        "etcd-old-N",
        "snapshots",
        "state.db",
        "state.db-shm",
        "state.db-wal",
      ]);
      await stage.stop();
      await stage.server.must(`cd ${DATA}/server/db; mv etcd torso; mv etcd-old-* etcd`);
      expect((await stage.plain()).state).toBe("ready");
      expect(await stage.objects()).toEqual(["after", "before"]);
    });

    test("with cluster-init it hangs, and adds config, name and member/wal", async () => {
      await torso("cluster-init: true\n");
      expect((await stage.plain([], { patience: 7000 })).state).toBe("hangs");
      expect(await stage.names("server/db/etcd")).toEqual(["config", "member", "name"]);
      expect(await stage.names("server/db/etcd/member")).toEqual(["snap", "wal"]);
    });

    test("reset again from a good file works", async () => {
      await torso("");
      await Bun.sleep(1100); // etcd-old-<unix> of the same second would be in the way
      expect((await stage.reset()).exitCode).toBe(0);
      expect((await stage.plain()).state).toBe("ready");
      expect(await stage.objects()).toEqual(["before"]);
    });

    test("db/etcd absent, cluster-init: a new empty etcd cluster, same CA, a wrong token too, which is then written down", async () => {
      await stage.pristine("cluster-init: true\n");
      stage.server.remove(`${DATA}/server/db/etcd`);
      expect((await stage.plain(["--token", "WRONG"])).state).toBe("ready");
      expect(await stage.objects()).toEqual([]);
      expect(await authorityOf(stage)).toBe(await baseAuthorityOf(stage));
      expect(await stage.tokens()).toEqual({ token: "WRONG", passwd: "WRONG" });
    });

    test("db/etcd absent, or with only config and name, token or none: empty SQLite", async () => {
      await stage.pristine(`token: ${stage.secret}\n`);
      await stage.server.must(`rm -rf ${DATA}/server/db/etcd/member`);
      expect((await stage.plain()).state).toBe("ready");
      expect(await stage.objects()).toEqual([]);
      expect(await stage.names("server/db")).toContain("state.db");
    });

    test("db/etcd absent, token and unreachable server: exits with `failed to bootstrap cluster data`", async () => {
      await stage.pristine(`token: ${stage.secret}\nserver: https://127.0.0.9:6443\n`);
      stage.server.remove(`${DATA}/server/db/etcd`);
      const { state, said } = await stage.plain([], {
        patience: 60_000,
        env: { K3S_LAB_JOIN_TIMEOUT: "3" },
      });
      expect(state).toBe("exited");
      expect(said).toContain(
        'failed to bootstrap cluster data: Get \\"https://127.0.0.9:6443/v1-k3s/server-bootstrap\\": context deadline exceeded',
      );
    });

    test("after two failed resets there are two etcd-old-*: the real one holds member/wal", async () => {
      await torso("");
      await Bun.sleep(1100);
      await stage.reset(["--cluster-reset-restore-path=/root/bad"]);
      const { stdout } = await stage.sh(
        `ls -d ${DATA}/server/db/etcd-old-*/member/wal; ls -d ${DATA}/server/db/etcd-old-*`,
      );
      expect(stdout.trim().split("\n")).toHaveLength(3);
    });
  },
);
