import { describe, expect, test } from "bun:test";
import { chmod, copyFile, mkdir, open, readFile, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { COMPILED, PROGRAMS, run, temporaryFolder } from "./program.ts";
import type { ChildProcess } from "node:child_process";

const isRoot = process.geteuid?.() === 0;

describe("the compiled program", () => {
  test("runs nothing that lies in the current folder", async () => {
    await using folder = await temporaryFolder();
    await plant(folder.path);
    const { code, stderr } = await run([COMPILED, "list"], { cwd: folder.path });
    expect(code).toBe(9);
    expect(stderr).not.toContain("/planted");
    expect(await readdir(folder.path)).not.toContain("preload-ran");
  });

  test("would run it without the flags of build/compile.ts (so the test above can fail)", async () => {
    await using folder = await temporaryFolder();
    await plant(folder.path);
    await writeFile(
      join(folder.path, "main.ts"),
      `console.log(process.env["RAILIANCE_BACKUP_DIR"]);`,
    );
    const build = [process.execPath, "build", "main.ts", "--compile", "--outfile=open"];
    expect((await run(build, { cwd: folder.path, env: { TMPDIR: folder.path } })).code).toBe(0);
    const { stdout } = await run([join(folder.path, "open")], { cwd: folder.path });
    expect(stdout).toBe("/planted\n");
    expect(await readdir(folder.path)).toContain("preload-ran");
  });

  test.skipIf(!isRoot)("tells a user who is not root so, in one sentence", async () => {
    await using folder = await temporaryFolder();
    await chmod(folder.path, 0o755);
    const program = join(folder.path, "railiance-cluster");
    await copyFile(COMPILED, program);
    await chmod(program, 0o755);
    const drop = ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    for (const command of ["backup", "restore"]) {
      const { code, stdout, stderr } = await run([...drop, program, command], {
        // No folder chosen: whoever is not root leaves no result, silently.
        env: { PATH: "/usr/bin:/bin", RAILIANCE_RESULT_DIR: "" },
      });
      expect({ code, stdout }).toEqual({ code: 5, stdout: "" });
      expect(stderr).toMatch(/^error: a (backup|restore) needs root\n {2}run this as root\n$/);
    }
  });
});

/** Runs a command that waits for a key on a pipe, and gives what the kernel says of it meanwhile. */
async function whileItWaits(command: readonly string[]): Promise<Record<string, string | number>> {
  await using folder = await temporaryFolder();
  await chmod(folder.path, 0o755);
  const key = join(folder.path, "key");
  await run(["/usr/bin/mkfifo", "-m", "644", key]);
  const archive = join(import.meta.dirname, "../testdata/archives/format-1.tar.zst.age");
  const seen: Record<string, string | number> = {};
  const drop = ["/usr/bin/prlimit", "--core=unlimited", "--", "/usr/bin/setpriv", "--reuid=65534"];
  const copy = join(folder.path, "archive.tar.zst.age");
  await copyFile(archive, copy);
  await chmod(copy, 0o644);
  await run([...drop, "--regid=65534", "--clear-groups", ...command, "verify", "-i", key, copy], {
    async during(child) {
      const writer = await open(key, "w"); // opens when the program reads
      const limits = await readFile(`/proc/${child.pid}/limits`, "utf8");
      seen["limit"] = /Max core file size +(\S+)/.exec(limits)?.[1] ?? "?";
      seen["owner"] = (await stat(`/proc/${child.pid}/environ`)).uid;
      await writer.close();
    },
  });
  return seen;
}

describe("core dumps", () => {
  test.skipIf(!isRoot)("are off in the program, by limit and by flag", async () => {
    await using folder = await temporaryFolder();
    await chmod(folder.path, 0o755);
    const program = join(folder.path, "railiance-cluster");
    await copyFile(COMPILED, program);
    await chmod(program, 0o755);
    // What may not be dumped belongs to root in /proc, whoever runs it (proc(5)).
    expect(await whileItWaits([program])).toEqual({ limit: "0", owner: 0 });
  });

  test.skipIf(!isRoot)("would be on without that (so the test above can fail)", async () => {
    const other = ["/bin/sh", "-c", 'exec cat "$3"', "sh"];
    expect(await whileItWaits(other)).toEqual({ limit: "unlimited", owner: 65534 });
  });
});

for (const { name, command } of PROGRAMS) {
  describe(`the program ${name}`, () => {
    test("leaves its result where RAILIANCE_RESULT_DIR says, for its owner alone", async () => {
      await using folder = await temporaryFolder();
      const results = join(folder.path, "results");
      const env = { PATH: folder.path, RAILIANCE_RESULT_DIR: results };
      const { code } = await run([...command, "backup"], { env });
      const path = join(results, "backup.json");
      expect(JSON.parse(await readFile(path, "utf8"))).toMatchObject({
        command: "backup",
        exit_code: code,
      });
      expect((await stat(path)).mode & 0o777).toBe(0o600);
      await run([...command, "list"], { env });
      expect(await readdir(results)).toEqual(["backup.json"]);
    });

    test("keeps its exit code when the result cannot be kept", async () => {
      await using folder = await temporaryFolder();
      await writeFile(join(folder.path, "file"), "");
      const env = { PATH: folder.path, RAILIANCE_RESULT_DIR: join(folder.path, "file", "x") };
      const { code, stderr } = await run([...command, "verify", "--dir", folder.path], { env });
      expect(code).toBe(9);
      expect(stderr).toContain("warning: the result file could not be written");
    });

    test.skipIf(!isRoot)("unwinds on SIGINT (130) and SIGTERM (143)", async () => {
      for (const [signal, exit] of [
        ["SIGINT", 130],
        ["SIGTERM", 143],
      ] as const) {
        await using hanging = await hangingK3s("exec sleep 30");
        const { code, stdout, stderr } = await run([...command, "backup"], {
          env: hanging.env,
          during: async (child) => {
            await hanging.started(child);
            child.kill(signal);
          },
        });
        expect({ code, stdout }).toEqual({ code: exit, stdout: "" });
        // Not what was left behind: nobody knows that here.
        expect(stderr).toMatch(new RegExp(`^error: stopped by ${signal}$`, "m"));
        expect(await hanging.result()).toMatchObject({ status: "interrupted", exit_code: exit });
      }
    });

    test.skipIf(!isRoot)(
      "ends at once on a second SIGINT, and says that nothing was put back",
      async () => {
        await using hanging = await hangingK3s("for i in 1 2 3 4; do sleep 1; done", {
          before: "trap '' TERM",
        });
        const { code, stderr } = await run([...command, "backup"], {
          env: hanging.env,
          during: async (child: ChildProcess) => {
            await hanging.started(child);
            // Two that come before the first is looked at are one to the kernel.
            while (child.exitCode === null && child.signalCode === null) {
              child.kill("SIGINT");
              await new Promise((resolve) => setTimeout(resolve, 300));
            }
          },
        });
        expect(code).toBe(130);
        expect(stderr).toContain("stopped at once, nothing was put back");
        // The one that unwinds would have written it.
        expect(await hanging.result()).toBeUndefined();
      },
    );
  });
}

/** What somebody might leave for root to run. */
async function plant(folder: string): Promise<void> {
  await writeFile(join(folder, ".env"), "RAILIANCE_BACKUP_DIR=/planted\n");
  await writeFile(join(folder, "bunfig.toml"), 'preload = ["./evil.ts"]\n');
  const evil = `import { writeFileSync } from "node:fs"; writeFileSync("preload-ran", "");`;
  await writeFile(join(folder, "evil.ts"), evil);
}

/** A k3s on PATH that says when it was started and then takes its time; `before` it says so. */
async function hangingK3s(script: string, { before = "" } = {}) {
  const folder = await temporaryFolder();
  const bin = join(folder.path, "bin");
  const results = join(folder.path, "results");
  await mkdir(bin);
  const k3s = `#!/bin/sh\n${before}\n: > ${folder.path}/started\n${script}\n`;
  await writeFile(join(bin, "k3s"), k3s, { mode: 0o755 });
  return {
    env: { PATH: `${bin}:/usr/bin:/bin`, RAILIANCE_RESULT_DIR: results },
    /** Waits for the k3s; also ends when the program died before it. */
    started: async (child: ChildProcess) => {
      while (child.exitCode === null && !(await readdir(folder.path)).includes("started")) {
        await Bun.sleep(10);
      }
    },
    result: async (): Promise<unknown> => {
      const file = Bun.file(join(results, "backup.json"));
      return (await file.exists()) ? file.json() : undefined;
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}
