import { describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { awaitFreshSecond, endReset, runReset } from "../../../src/k3s/reset.ts";
import { requireNoServer } from "../../../src/k3s/service.ts";
import { processWith } from "../../../src/sys/processes.ts";
import { withFolder } from "../../helpers/folder.ts";
import { failureOf } from "../../helpers/errors.ts";
import { testHost } from "../../helpers/host.ts";
import { settingsIn, withPrograms } from "../../helpers/programs.ts";

/** Runs the reset with a `k3s` of this text. */
function reset(text: string): Promise<unknown> {
  return withPrograms({ k3s: text }, async ({ folder, host }) => {
    const pidFile = `${folder}/reset.pid`;
    const files = { snapshot: `${folder}/snap.db`, tokenFile: `${folder}/token`, pidFile };
    try {
      return await runReset(host, settingsIn(folder), files);
    } finally {
      expect(existsSync(pidFile)).toBe(false);
    }
  });
}

const DONE = "echo 'level=error msg=\"… restart without --cluster-reset flag now …\"' >&2";

describe("runReset()", () => {
  test("takes exit 0 with K3s's own sentence, and nothing less", async () => {
    await reset(DONE);
    expect((await failureOf(() => reset("exit 0"))).code).toBe("RESET_FAILED");
    expect((await failureOf(() => reset(`${DONE}; exit 1`))).code).toBe("RESET_FAILED");
    expect((await failureOf(() => reset("kill -9 $$"))).message).toContain("SIGKILL");
  });

  test("names the cause that K3s gives, with the right exit code", async () => {
    const fatal = (text: string): string =>
      `echo 'time="x" level=fatal msg="starting: ${text}"' >&2; exit 1`;
    const cases = [
      [
        "bootstrap data already found and encrypted with different token",
        "RESET_TOKEN",
        "verifyFailed",
      ],
      ["listen tcp 127.0.0.1:6444: bind: address already in use", "RESET_RUNNING", "precondition"],
      ["write /x: no space left on device", "NO_ROOM", "precondition"],
      ["expected sha256 [1], got [2]", "RESET_FAILED", "error"],
    ] as const;
    for (const [text, code, exit] of cases) {
      const error = await failureOf(() => reset(fatal(text)));
      expect([error.code, error.exit]).toEqual([code, exit]);
    }
  });

  test("writes down its number before it begins", async () => {
    await withPrograms(
      {
        k3s: `cat "$(dirname "$0")/../reset.pid" > "$(dirname "$0")/../seen"; echo $$ >> "$(dirname "$0")/../seen"; ${DONE}`,
      },
      async ({ folder, host }) => {
        const pidFile = `${folder}/reset.pid`;
        await runReset(host, settingsIn(folder), { snapshot: "/s", tokenFile: "/t", pidFile });
        const [written, own] = readFileSync(`${folder}/seen`, "utf8").trim().split("\n");
        expect(written).toBe(own);
      },
    );
  });
});

describe("awaitFreshSecond()", () => {
  /** Whether it waits, seen by a host whose signal ends every wait at once. */
  function waits(names: readonly string[], now: number): Promise<boolean> {
    return withFolder(async (folder) => {
      for (const name of names) mkdirSync(`${folder}/server/db/${name}`, { recursive: true });
      const host = testHost({ signal: AbortSignal.abort(), now: () => new Date(now) });
      return awaitFreshSecond(host, folder).then(
        () => false,
        () => true,
      );
    });
  }

  test("waits when the last reset was in this second, or K3s's clock rounded it up", async () => {
    expect(await waits(["etcd", "etcd-old-1795452428"], 1_795_452_428_500)).toBe(true);
    expect(await waits(["etcd-old-1795452429"], 1_795_452_428_500)).toBe(true);
  });

  test("does not wait for one that is over, of a clock gone wrong, or that never was", async () => {
    expect(await waits(["etcd-old-1795452427"], 1_795_452_428_500)).toBe(false);
    expect(await waits(["etcd-old-1999999999"], 1_795_452_428_500)).toBe(false);
    expect(await waits(["etcd-old-x", "etcd"], 1_795_452_428_500)).toBe(false);
    expect(await waits([], 1_795_452_428_500)).toBe(false);
  });
});

describe("endReset()", () => {
  test("ends a reset that goes on without us, with what it started, also one that does not listen", async () => {
    await withFolder(async (folder) => {
      const script = 'trap "" TERM; exec -a "/usr/local/bin/k3s server" sleep 60';
      const child = spawn("bash", ["-c", script], { detached: true, stdio: "ignore" });
      const ended = new Promise((resolve) => child.once("exit", resolve));
      const pid = child.pid ?? 0;
      // The shell's own command line also has the words, before it refuses SIGTERM.
      while (!((await processWith(pid))?.command ?? "").startsWith("/usr/local/bin/k3s server")) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      writeFileSync(`${folder}/reset.pid`, `${pid}\n`);
      // Its patience with SIGTERM is shortened by a clock that runs ahead.
      const host = testHost();
      let time = 0;
      await endReset({ ...host, monotonic: () => (time += 2_000) }, `${folder}/reset.pid`);
      await ended;
      expect(child.signalCode).toBe("SIGKILL");
      expect(existsSync(`${folder}/reset.pid`)).toBe(false);
    });
  });

  test("leaves a process alone that only has the same number", async () => {
    await withFolder(async (folder) => {
      const child = spawn("bash", ["-c", 'exec -a "mosh-server new" sleep 60'], {
        stdio: "ignore",
      });
      const ended = new Promise((resolve) => child.once("exit", resolve));
      const pid = child.pid ?? 0;
      while (!((await processWith(pid))?.command ?? "").startsWith("mosh-server")) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      writeFileSync(`${folder}/reset.pid`, `${pid}\n`);
      await endReset(testHost(), `${folder}/reset.pid`);
      expect(child.exitCode).toBe(null);
      expect(await processWith(pid)).toEqual({ pid, command: "mosh-server new 60" });
      child.kill("SIGKILL");
      await ended;
    });
  });

  test("ends nothing without a number, or with a senseless one; the file goes: a power cut empties it", async () => {
    await withFolder(async (folder) => {
      await endReset(testHost(), `${folder}/reset.pid`);
      for (const text of ["", "-1", "1", "0", "x"]) {
        writeFileSync(`${folder}/reset.pid`, text);
        await endReset(testHost(), `${folder}/reset.pid`);
        expect(existsSync(`${folder}/reset.pid`)).toBe(false);
      }
    });
  });
});

describe("requireNoServer()", () => {
  test("finds a K3s server under each of its titles, and takes no other program for one", async () => {
    let time = 0;
    const host = { ...testHost(), monotonic: () => (time += 5_000) };
    const titles = [
      ["/usr/local/bin/k3s server", true],
      ["k3s-server server --flag", true],
      ["/opt/k3s-v1.30 server", true],
      ["vi /etc/k3s server", false],
      ["/usr/local/bin/k3s kubectl get servers", false],
      ["k3s agent --server https://s1", false],
    ] as const;
    for (const [title, isServer] of titles) {
      const child = spawn("bash", ["-c", `exec -a '${title}' sleep 60`], { stdio: "ignore" });
      const ended = new Promise((resolve) => child.once("exit", resolve));
      // The shell's own command line has the title in it too, until it becomes the other program.
      while (!((await processWith(child.pid ?? 0))?.command ?? "").startsWith(title)) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      const seen = await requireNoServer(host).then(
        () => "",
        (error: unknown) => String(error),
      );
      expect([title, new RegExp(`\\b${child.pid}\\b`).test(seen)]).toEqual([title, isServer]);
      child.kill("SIGKILL");
      await ended;
    }
  });
});
