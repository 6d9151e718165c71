/** Killing, noticing that it is gone, and putting back: real processes, and a systemctl that keeps its own book. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { victimOf } from "../../../src/ha/kill/kill.ts";
import { testHost } from "../../helpers/host.ts";
import { drillWith } from "./support.ts";

const PRIMARY = { name: "s1", host: "10.0.0.1", port: 5432 };

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "railiance-kill-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

function victim(kill: Readonly<Record<string, unknown>>) {
  const spec = drillWith({ kill }).kill;
  const host = testHost();
  return victimOf(spec, { host, cluster: undefined, namespace: undefined, primary: PRIMARY });
}

/** A process that sleeps, and its pid file `NAME-5432.pid`. */
async function sleeper(name: string) {
  const child = spawn("/bin/sleep", ["600"], { stdio: "ignore" });
  const pid = child.pid ?? 0;
  await writeFile(join(folder, `${name}-5432.pid`), `${pid}\nmore that nobody reads\n`);
  return { child, pid, pidFile: join(folder, `${name}-{port}.pid`) };
}

async function stateOf(pid: number): Promise<string | undefined> {
  return / ([A-Z]) /.exec(await readFile(`/proc/${pid}/stat`, "utf8"))?.[1];
}

async function until(check: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!(await check())) {
    if (performance.now() > deadline) throw new Error("never came");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe("a process", () => {
  test("is found by its pid file, killed, and known to be gone", async () => {
    const { child, pidFile } = await sleeper("killed");
    const ended = new Promise((resolve) => child.once("exit", (_, signal) => resolve(signal)));
    const one = await victim({ method: "process", pidFile });
    await one.kill();
    expect(await ended).toBe("SIGKILL");
    expect(await one.gone?.()).toBe(true);
    await one.putBack();
  });

  test("that is frozen counts as gone, and goes on when it is put back", async () => {
    const { child, pid, pidFile } = await sleeper("frozen");
    const one = await victim({ method: "process", pidFile, signal: "STOP" });
    await one.kill();
    await until(async () => (await one.gone?.()) === true);
    expect(await stateOf(pid)).toBe("T");
    await one.putBack();
    await until(async () => (await stateOf(pid)) !== "T");
    child.kill("SIGKILL");
  });

  test("that nobody has is a failed kill", async () => {
    const one = await victim({ method: "process", pidFile: join(folder, "none.pid") });
    let code = "";
    try {
      await one.kill();
    } catch (error) {
      code = String(Reflect.get(Object(error), "code"));
    }
    expect(code).toBe("KILL_FAILED");
    await one.putBack();
  });
});

/** Stands before the command, as `ssh HOST` would: a systemctl with the states and ids of systemd. */
async function systemd(name: string, running: boolean) {
  const [state, log, script] = ["state", "log", "sh"].map((end) => join(folder, `${name}.${end}`));
  if (state === undefined || log === undefined || script === undefined) throw new Error("paths");
  await writeFile(state, running ? "active 1" : "inactive 1");
  await writeFile(log, "");
  await writeFile(
    script,
    `#!/bin/sh
read -r active id < ${state}
case "$*" in
  "systemctl show"*) echo "ActiveState=$active"; echo "InvocationID=$id"; exit 0 ;;
  "systemctl stop"*|"systemctl kill"*) echo "inactive $id" > ${state} ;;
  "systemctl start"*) echo "active $((id + 1))" > ${state} ;;
esac
echo "$*" >> ${log}
`,
  );
  await chmod(script, 0o755);
  const commands = async () => (await readFile(log, "utf8")).trim().split("\n");
  return { through: [script], commands };
}

describe("a service", () => {
  test("is stopped, and started again when the drill has ended", async () => {
    const { through, commands } = await systemd("stopped", true);
    const one = await victim({ method: "service-stop", unit: "pg.service", through });
    await one.kill();
    expect(await one.gone?.()).toBe(true);
    await one.putBack();
    expect(await commands()).toEqual([
      "systemctl stop pg.service",
      "systemctl start --no-block pg.service",
    ]);
    // It runs again, and not as the one that was killed.
    expect(await one.gone?.()).toBe(true);
  });

  test("that is killed stays down until it is put back, whatever Restart= says", async () => {
    const { through, commands } = await systemd("killed", true);
    const one = await victim({ method: "service-kill", unit: "pg.service", through });
    await one.kill();
    await one.putBack();
    expect(await commands()).toEqual([
      "systemctl kill --kill-whom=all --signal=KILL pg.service",
      "systemctl stop pg.service",
      "systemctl start --no-block pg.service",
    ]);
  });

  test("that did not run is not killed, and not started by putting back", async () => {
    const { through, commands } = await systemd("down", false);
    const one = await victim({ method: "service-stop", unit: "pg.service", through });
    let message = "";
    try {
      await one.kill();
    } catch (error) {
      message = error instanceof Error ? error.message : "";
    }
    expect(message).toContain("pg.service does not run on s1");
    await one.putBack();
    expect(await commands()).toEqual([""]);
  });
});
