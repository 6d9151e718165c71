/**
 * Signals in every phase of a backup. After SIGINT and SIGTERM nothing at all is
 * left; after kill -9 nothing has a final name, and the next run clears up.
 */
import { readFileSync, readdirSync, readlinkSync } from "node:fs";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { descendants, kill, start } from "../lab/command.ts";
import { skipWithoutLab, startBareServer } from "../lab/server.ts";
import { archivesOn, backedUp, clearArchives, leftovers, until } from "./bad-backup.ts";
import { ARCHIVES, PROGRAM, giveKey } from "./workload.ts";
import type { BareServer, Started } from "../lab/server.ts";

/** strace that makes every read of a file take longer, so that a phase lasts long enough to be met. */
function slowReads(milliseconds: number): string[] {
  const delay = `-einject=pread64:delay_enter=${milliseconds * 1000}`;
  return ["strace", "-q", "-o/dev/null", "-etrace=pread64", delay];
}

interface Phase {
  readonly name: string;
  /** What makes it last. */
  readonly faults?: string;
  readonly helm?: "hangs" | "waits";
  /** From the start, or from when helm is asked: the k3s commands before that would be slow too. */
  readonly slow?: "all" | "afterHelm";
  /** Milliseconds to wait once it is reached. */
  readonly linger?: number;
  /** Whether the program is in it, by what it has open and what it has said. */
  readonly reached: (seen: Seen) => boolean;
}

interface Seen {
  readonly open: readonly string[];
  readonly children: readonly string[];
  readonly said: string;
}

const PHASES: readonly Phase[] = [
  {
    name: "save",
    faults: "save-slow 2",
    // Nothing shows when the server has begun; the test holds at any moment, but says more then.
    linger: 700,
    reached: ({ children }) => children.some((line) => line.includes("etcd-snapshot save")),
  },
  {
    name: "inspect",
    slow: "all",
    reached: ({ open, said }) =>
      !said.includes("trailer ok") &&
      open.some((path) => path.includes("/snapshots/railiance-s2-")),
  },
  {
    name: "collect",
    helm: "hangs",
    reached: ({ children }) => children.some((line) => line.includes("sleep 86399")),
  },
  {
    name: "encrypt",
    slow: "afterHelm",
    reached: ({ open, said }) =>
      !said.includes("encrypted for") && open.some((path) => path.includes(".railiance-tmp-")),
  },
  {
    name: "read back",
    slow: "afterHelm",
    reached: ({ open, said }) =>
      said.includes("encrypted for") && open.some((path) => path.includes(".railiance-tmp-")),
  },
];

describe.skipIf(skipWithoutLab())("a backup that is stopped", () => {
  let server: BareServer;
  let helm = "";

  beforeAll(async () => {
    server = await startBareServer();
    await giveKey(server);
    await server.must("head -c 16000000 /dev/urandom > /etc/rancher/k3s/big.bin");
    helm = (await server.must("readlink /usr/local/bin/helm")).trim();
    await backedUp(server);
  }, 120_000);
  afterAll(() => server[Symbol.asyncDispose]());
  afterEach(async () => {
    server.faults("");
    await healHelm();
  });

  /** Puts helm back, and ends the child of a hanging one that a killed run could not end. */
  async function healHelm(): Promise<void> {
    await server.must(
      `ln -sfn ${helm} /usr/local/bin/helm; test ! -e /root/helm-child || kill $(cat /root/helm-child) 2>/dev/null; rm -f /root/helm-*`,
    );
  }

  /** K3s takes one snapshot at a time: when it takes another, ours is not still on its way. */
  async function untilIdle(): Promise<void> {
    server.faults("");
    await until("an idle K3s", async () => {
      const { stderr } = await server.run("k3s etcd-snapshot save --name probe");
      return stderr.includes("saved.");
    });
    await server.must("rm /var/lib/rancher/k3s/server/db/snapshots/probe-*");
  }

  function replaceHelm(script: string): void {
    server.remove("/usr/local/bin/helm");
    server.write("/usr/local/bin/helm", `#!/bin/sh\n${script}\n`, 0o755);
  }

  /** Starts a backup, sends the signal as soon as the phase is reached, and gives how it ended. */
  async function stop(phase: Phase, signal: NodeJS.Signals) {
    server.faults(phase.faults ?? "");
    if (phase.helm === "hangs") replaceHelm("sleep 86399 &\necho $! > /root/helm-child\nwait");
    if (phase.slow === "afterHelm") {
      replaceHelm(
        `touch /root/helm-asked; while [ ! -e /root/helm-go ]; do sleep 0.02; done; exec ${helm} "$@"`,
      );
    }
    server.write("/root/said", "");
    const slowly = phase.slow === "all" ? [...slowReads(60), "-f"].join(" ") : "";
    const started = server.start(`${slowly} ${PROGRAM} backup 2>/root/said`);
    let pid = 0;
    if (phase.slow === "afterHelm") {
      await until("the question to helm", () => server.exists("/root/helm-asked"));
      pid = programBelow(started);
      await slowDown(pid);
      server.write("/root/helm-go", "");
    }
    await until(`the phase ${phase.name}`, () => {
      pid = programBelow(started);
      return pid !== 0 && phase.reached(seenOf(pid, server.read("/root/said")));
    });
    await Bun.sleep(phase.linger ?? 0);
    kill(pid, signal);
    const { exitCode, stdout } = await started.done;
    return { exitCode, stdout, said: server.read("/root/said") };
  }

  for (const phase of PHASES) {
    for (const [signal, exit] of [
      ["SIGINT", 130],
      ["SIGTERM", 143],
    ] as const) {
      test(`by ${signal} during ${phase.name} leaves nothing and ends with ${exit}`, async () => {
        const before = await archivesOn(server);
        const { exitCode, stdout, said } = await stop(phase, signal);
        expect(said).toContain(`error: stopped by ${signal}\n`);
        expect(exitCode).toBe(exit);
        expect(stdout).toBe("");
        if (phase.name === "save") await untilIdle();
        expect(await leftovers(server)).toBe("");
        expect(await archivesOn(server)).toEqual(before);
        const children = "test ! -e /root/helm-child || ! kill -0 $(cat /root/helm-child)";
        expect((await server.run(children)).exitCode).toBe(0);
      }, 60_000);
    }

    test(`by kill -9 during ${phase.name} leaves no archive, and the next run clears up`, async () => {
      await clearArchives(server);
      const { exitCode } = await stop(phase, "SIGKILL");
      expect(exitCode).toBe(137);
      const names = await archivesOn(server);
      expect(names.filter((name) => !name.startsWith(".railiance-tmp-"))).toEqual([]);
      expect(await leftovers(server)).not.toBe("");
      await healHelm();
      await backedUp(server);
      expect(await archivesOn(server)).toHaveLength(2);
    }, 60_000);
  }

  for (const [call, state] of [
    ["link", "before the archive has its name"],
    ["unlink", "between its name and the end of its temp name"],
    ["rename", "before its sidecar has its name"],
  ] as const) {
    test(`by kill -9 ${state} leaves a whole archive or none, and the next run clears up`, async () => {
      await clearArchives(server);
      const inject = `-e trace=${call} -e inject=${call}:signal=KILL:when=1`;
      const { exitCode } = await server.run(
        `strace -f --seccomp-bpf -q -o /dev/null ${inject} ${PROGRAM} backup`,
      );
      expect(exitCode).toBe(137);
      const names = await archivesOn(server);
      const archives = names.filter((name) => name.startsWith("railiance-cluster_"));
      for (const name of archives) {
        expect((await server.run(`${PROGRAM} verify ${ARCHIVES}/${name}`)).exitCode).toBe(0);
      }
      expect(archives).toHaveLength(call === "link" ? 0 : 1);
      await backedUp(server);
      const after = await archivesOn(server);
      expect(after.filter((name) => name.startsWith("."))).toEqual([]);
      // Verifying wrote the sidecar that the killed run could not.
      expect(after).toHaveLength(archives.length * 2 + 2);
    }, 60_000);
  }

  test("leaves temp files of other hosts and other programs alone", async () => {
    await clearArchives(server);
    const kept = [
      ".railiance-tmp-railiance-cluster_shop_s2_20260101T000000Z_00000000.tar.zst.age-012345678901",
      ".other-tmp-file",
    ];
    const ours =
      ".railiance-tmp-railiance-cluster_shop_s1_20260101T000000Z_00000000.tar.zst.age-012345678901";
    for (const name of [...kept, ours]) server.write(`${ARCHIVES}/${name}`, "x");
    await server.must(`chmod 0700 ${ARCHIVES}`);
    const result = await server.run(`${PROGRAM} backup`);
    expect(result.exitCode).toBe(0);
    expect(result.stderr).toContain(`removed ${ARCHIVES}/${ours}, left by a run that was cut off`);
    const names = await archivesOn(server);
    for (const name of kept) expect(names).toContain(name);
    expect(names).not.toContain(ours);
  }, 30_000);
});

/** Slows down the threads of a process, but none of the programs that it starts. */
async function slowDown(pid: number): Promise<void> {
  const threads = readdirSync(`/proc/${pid}/task`);
  // Before it encrypts, the program hashes K3s's own, which has some 100 MB.
  const tracer = start([...slowReads(5), ...threads.flatMap((thread) => ["-p", thread])]);
  tracer.done.catch(() => undefined);
  await until("strace", () =>
    threads.every((thread) =>
      /^TracerPid:\s+[1-9]/m.test(
        attempt(() => readFileSync(`/proc/${pid}/task/${thread}/status`, "utf8")) ??
          "TracerPid:\t1",
      ),
    ),
  );
}

/** The running program below a started command, as this machine numbers it; 0 when it is not there yet. */
function programBelow(started: Started): number {
  return (
    descendants(started.pid).find(
      (pid) => attempt(() => readlinkSync(`/proc/${pid}/exe`)) === PROGRAM,
    ) ?? 0
  );
}

function seenOf(pid: number, said: string): Seen {
  const fds = attempt(() => readdirSync(`/proc/${pid}/fd`)) ?? [];
  return {
    open: fds.map((fd) => attempt(() => readlinkSync(`/proc/${pid}/fd/${fd}`)) ?? ""),
    children: descendants(pid).map((child) =>
      (attempt(() => readFileSync(`/proc/${child}/cmdline`, "utf8")) ?? "").replaceAll("\0", " "),
    ),
    said,
  };
}

/** Undefined for what has gone meanwhile. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
