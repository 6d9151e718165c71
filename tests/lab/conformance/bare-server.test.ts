/** What a bare server is, and that nothing of it outlives a test. */
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { REPOSITORY } from "../places.ts";
import { skipWithoutLab, startBareServer } from "../server.ts";
import type { BareServer } from "../server.ts";

setDefaultTimeout(60_000);

const SKIPPED = skipWithoutLab();
let server: BareServer;
beforeAll(async () => {
  if (!SKIPPED)
    server = await startBareServer({ cluster: false, executable: null, tools: ["age"] });
});
afterAll(() => server?.[Symbol.asyncDispose]());

describe.skipIf(SKIPPED)("a bare server", () => {
  test("has systemd as PID 1, its own host name, and a k3s.service that is off", async () => {
    expect(await server.must("cat /proc/1/comm; hostname")).toBe("systemd\ns1\n");
    expect((await server.run("systemctl is-enabled k3s")).stdout).toBe("disabled\n");
    expect((await server.run("systemctl is-active k3s")).stdout).toBe("inactive\n");
  });

  test("has no network but lo", async () => {
    const { stdout } = await server.run("ls /sys/class/net; ip -brief addr");
    expect(stdout).toMatch(/^lo\nlo +UNKNOWN +127\.0\.0\.1\/8 10\.99\.0\.1\/32 ::1\/128 *\n$/);
    const out = await server.run("timeout 2 bash -c 'exec 3<>/dev/tcp/192.0.2.1/80'");
    expect(out.exitCode).not.toBe(0);
  });

  test("hides the repository, homes and the tools a bare server may lack, but those asked for", async () => {
    expect(server.exists(REPOSITORY)).toBe(false);
    for (const tool of ["tar", "zstd", "sqlite3", "curl", "node", "npm", "sops", "bun"]) {
      expect([tool, (await server.run(["bash", "-c", `command -v ${tool}`])).exitCode]).toEqual([
        tool,
        1,
      ]);
    }
    expect(await server.must("age --version")).toMatch(/^v?1\./);
    expect((await server.run("ls /root")).stdout).toBe("");
  });

  test("runs commands with exact exit codes, input, environment and user", async () => {
    expect((await server.run("exit 42")).exitCode).toBe(42);
    expect((await server.run("kill -TERM $$")).exitCode).toBe(143);
    expect((await server.run(["cat"], { input: "in" })).stdout).toBe("in");
    expect(
      (await server.run("env | cut -d= -f1 | sort | tr '\\n' ' '", { env: { ADDED: "1" } })).stdout,
    ).toBe("ADDED HOME LANG PATH PWD SHLVL _ ");
    expect((await server.run("id -un", { user: "nobody" })).stdout).toBe("nobody\n");
  });

  test("a command over its time is killed with all it started", async () => {
    const slow = server.run("sleep 4711 & sleep 4711", { timeout: 500 });
    expect(slow).rejects.toThrow("no end after 500 ms");
    await slow.catch(() => undefined);
    // A signal was sent; the kernel ends them when it gets to it.
    await server.must(
      "for attempt in $(seq 50); do pgrep -f '^sleep 4711' || exit 0; sleep 0.1; done; exit 1",
    );
  });

  test("start() can be signalled", async () => {
    const started = server.start("trap 'exit 9' INT; touch /root/set; while :; do sleep 0.1; done");
    await server.must("until [ -e /root/set ]; do sleep 0.05; done");
    started.signal("SIGINT");
    expect((await started.done).exitCode).toBe(9);
  });

  test("cut and boot: a power cut keeps what was written", async () => {
    await server.must("echo kept >/root/file");
    await server.cut();
    expect(server.read("/root/file")).toBe("kept\n");
    await server.boot();
    expect(await server.must("cat /root/file")).toBe("kept\n");
  });

  test("a real disk can be had", async () => {
    await using slow = await startBareServer({
      cluster: false,
      executable: null,
      disk: "real",
      name: "slow",
    });
    expect(await slow.must("echo x >/root/x; sync /root/x; cat /root/x; hostname")).toBe(
      "x\nslow\n",
    );
  });

  test("when the test process is killed, server, mounts and network are gone", async () => {
    const script = `const { startBareServer } = await import("${REPOSITORY}/tests/lab/server.ts");
      await startBareServer({ cluster: false, executable: null, name: "doomed" });
      console.log("up"); await new Promise(() => undefined);`;
    const child = spawn(process.execPath, ["-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, BUN_BE_BUN: "1" },
    });
    await new Promise((resolve) => child.stdout.once("data", resolve));
    const own = `run/${child.pid}-`;
    expect(processesNaming(own).length).toBeGreaterThan(0);
    const first = firstProcessesOn(own);
    expect(first).toHaveLength(1);
    child.kill("SIGKILL");
    for (let attempt = 0; attempt < 50 && processesNaming(own).length > 0; attempt += 1)
      await Bun.sleep(100);
    expect(processesNaming(own)).toEqual([]);
    for (let attempt = 0; attempt < 50 && firstProcessesOn(own).length > 0; attempt += 1)
      await Bun.sleep(100);
    expect(firstProcessesOn(own)).toEqual([]);
    expect(readFileSync("/proc/self/mounts", "utf8")).not.toContain(own);
  });
});

/** Numbers of systemds whose root lies in a run's folder. */
function firstProcessesOn(run: string): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const status = readFileSync(`/proc/${pid}/status`, "utf8");
        if (!/^NSpid:\s+\d+\s+1$/m.test(status)) return false;
        return readFileSync(`/proc/${pid}/mountinfo`, "utf8").includes(`/${run}`);
      } catch {
        return false;
      }
    });
}

/** Command lines on this machine that mention a text. */
function processesNaming(text: string): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
      } catch {
        return "";
      }
    })
    .filter((line) => line.includes(text) && !line.includes("import("));
}
