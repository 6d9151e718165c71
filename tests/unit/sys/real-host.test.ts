import { describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { realHost } from "../../../src/sys/real-host.ts";
import { writeResultFile } from "../../../src/sys/result-file.ts";

/** Runs with other environment variables, and puts back what was there. */
async function withEnv<T>(
  values: Readonly<Record<string, string | undefined>>,
  action: () => Promise<T>,
): Promise<T> {
  const before = Object.keys(values).map((name) => [name, process.env[name]] as const);
  const set = (name: string, value: string | undefined): void => {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  };
  for (const [name, value] of Object.entries(values)) set(name, value);
  try {
    return await action();
  } finally {
    for (const [name, value] of before) set(name, value);
  }
}

const never = new AbortController().signal;

describe("realHost()", () => {
  test("finds programs and a home without PATH and HOME", async () => {
    await withEnv({ PATH: undefined, HOME: undefined }, async () => {
      const { stdout } = await realHost(never).run(["sh", "-c", 'echo "$PATH"; echo "$HOME"']);
      const [path, home] = stdout.split("\n");
      expect(path).toBe("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
      expect(home?.startsWith("/")).toBe(true);
    });
  });

  test("takes an empty PATH for none", async () => {
    await withEnv({ PATH: "" }, async () => {
      expect((await realHost(never).run(["true"])).exitCode).toBe(0);
    });
  });

  test("looks programs up on its own PATH and hands no secret on to them", async () => {
    const folder = await mkdtemp(join(tmpdir(), "real-host-"));
    try {
      const program = "#!/bin/sh\n/usr/bin/env\n";
      await writeFile(join(folder, "k3s"), program, { mode: 0o755 });
      await withEnv({ PATH: folder, HOME: "/h", SOPS_AGE_KEY: "hidden" }, async () => {
        const { stdout } = await realHost(never).run(["k3s"]);
        const names = stdout
          .split("\n")
          .filter((line) => line !== "")
          .map((line) => line.replace(/=.*/, ""))
          .filter((name) => name !== "PWD" && name !== "_" && name !== "SHLVL");
        expect(names.sort()).toEqual(["HOME", "LANG", "PATH"]);
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("stops its children when its signal aborts", async () => {
    const controller = new AbortController();
    const running = realHost(controller.signal).run(["sleep", "30"]);
    controller.abort(new Error("stop now"));
    await expect(running).rejects.toThrow("stop now");
  });

  test("shows a snapshot of the environment, so that later changes do not reach it", async () => {
    await withEnv({ RAILIANCE_PROBE: "one" }, async () => {
      const host = realHost(never);
      process.env["RAILIANCE_PROBE"] = "two";
      expect(host.env["RAILIANCE_PROBE"]).toBe("one");
      await Promise.resolve();
    });
  });
});

describe("writeResultFile()", () => {
  test("replaces the last result, for its owner alone, and leaves nothing else", async () => {
    const folder = await mkdtemp(join(tmpdir(), "result-file-"));
    try {
      const results = join(folder, "a", "b");
      await writeResultFile(results, { command: "backup", json: "1" });
      await writeResultFile(results, { command: "backup", json: "2" });
      expect(await readFile(join(results, "backup.json"), "utf8")).toBe("2\n");
      expect((await stat(join(results, "backup.json"))).mode & 0o777).toBe(0o600);
      expect(await readdir(results)).toEqual(["backup.json"]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("keeps the old result when the new one cannot be put in its place", async () => {
    const folder = await mkdtemp(join(tmpdir(), "result-file-"));
    try {
      await mkdir(join(folder, "backup.json"));
      const writing = writeResultFile(folder, { command: "backup", json: "1" });
      await expect(writing).rejects.toThrow();
      expect(await readdir(folder)).toEqual(["backup.json"]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
