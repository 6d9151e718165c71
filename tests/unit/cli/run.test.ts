import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OperatorError } from "../../../src/errors.ts";
import { runWith } from "./helpers.ts";

const refuse = () =>
  Promise.reject(new OperatorError("precondition", "NO_K3S", "no k3s here", { hint: "make demo" }));

describe("runProgram()", () => {
  test("prints a command's lines on stdout and its talk on stderr", async () => {
    const { code, stdout, stderr } = await runWith(["save"], {
      run: (_input, context) => {
        context.talk({ type: "done", text: "saved" });
        return Promise.resolve({ exit: "ok", lines: ["/a/b"], fields: {} });
      },
    });
    expect({ code, stdout }).toEqual({ code: 0, stdout: "/a/b\n" });
    expect(stderr).toMatch(/^saved \(.*\)\n$/);
  });

  test("tells an operator's error as one sentence and a hint, without a stack", async () => {
    const { code, stdout, stderr } = await runWith(["save"], { run: refuse });
    expect({ code, stdout, stderr }).toEqual({
      code: 5,
      stdout: "",
      stderr: "error: no k3s here\n  make demo\n",
    });
  });

  test("tells a fault of ours with its stack and exits 1", async () => {
    const { code, stdout, stderr } = await runWith(["save"], {
      run: () => Promise.reject(new TypeError("oops")),
    });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^error: this is a fault in railiance-cluster .*: TypeError: oops\n/);
    expect(stderr).toContain("  at ");
  });

  test("escapes control characters in what it prints", async () => {
    const { stdout } = await runWith(["save"], {
      run: () => Promise.resolve({ exit: "ok", lines: ["a\u001b[31m"], fields: {} }),
    });
    expect(stdout).toBe("a\\u{1b}[31m\n");
  });

  test("tells whatever breaks after a signal as the signal", async () => {
    const controller = new AbortController();
    const { code, stderr } = await runWith(["save"], {
      host: { signal: controller.signal },
      run: () => {
        controller.abort(new OperatorError("interrupted", "INTERRUPTED", "stopped by SIGINT"));
        return Promise.reject(new DOMException("aborted", "AbortError"));
      },
    });
    expect({ code, stderr }).toEqual({ code: 130, stderr: "error: stopped by SIGINT\n" });
  });

  test("hands on the folder it runs in, and asks only where somebody can answer", async () => {
    const seen: unknown[] = [];
    const run = async (_input: unknown, context: { ask: unknown; workingDirectory: string }) => {
      seen.push(typeof context.ask, context.workingDirectory);
      return { exit: "ok", lines: [], fields: {} } as const;
    };
    await runWith(["save"], { run });
    await runWith(["save"], { run, terminal: { ask: () => Promise.resolve("yes") } });
    expect(seen).toEqual(["undefined", "/", "function", "/"]);
  });
});

describe("runProgram() with --json", () => {
  test("prints exactly one envelope on stdout", async () => {
    const { stdout } = await runWith(["save", "--json"], {
      run: (_input, { talk }) => {
        talk({ type: "warning", code: "W", message: "careful" });
        const warnings = [
          { code: "W", message: "careful" },
          { code: "V", message: "too" },
        ];
        return Promise.resolve({ exit: "partial", lines: ["no"], fields: { extra: 1 }, warnings });
      },
    });
    expect(stdout.endsWith("}\n")).toBe(true);
    expect(JSON.parse(stdout)).toMatchObject({
      schema: "railiance.result/1",
      layer: "S2",
      component: "cluster",
      command: "save",
      status: "partial",
      exit_code: 3,
      extra: 1,
      warnings: [
        { code: "W", message: "careful" },
        { code: "V", message: "too" },
      ],
      error: null,
    });
  });

  test("prints one envelope for errors and for a wrong command line too", async () => {
    const failed = await runWith(["save", "--json"], { run: refuse });
    expect(failed.code).toBe(5);
    expect(JSON.parse(failed.stdout)).toMatchObject({
      status: "precondition",
      exit_code: 5,
      error: { code: "NO_K3S", message: "no k3s here", hint: "make demo" },
    });
    for (const argv of [["save", "--jsn", "--json"], ["sav", "--json"], ["--json"]]) {
      const wrong = await runWith(argv);
      expect(wrong.code).toBe(2);
      expect(JSON.parse(wrong.stdout)).toMatchObject({ status: "usage", error: { code: "USAGE" } });
    }
  });

  test("gives times in UTC without fractions, and a run id", async () => {
    const { stdout } = await runWith(["save", "--json"], {
      host: { now: () => new Date("2026-11-23T02:31:07.123Z") },
    });
    const result = JSON.parse(stdout);
    expect(result.started_at).toBe("2026-11-23T02:31:07Z");
    expect(result.run_id).toMatch(/^01/);
  });
});

describe("runProgram() and the result file", () => {
  let folder = "";
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "result-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const keeping = (extra: object = {}) => ({
    command: { keepsResult: true },
    host: { env: { RAILIANCE_RESULT_DIR: join(folder, "deep", "er") } },
    ...extra,
  });
  const kept = async () =>
    JSON.parse(await readFile(join(folder, "deep", "er", "save.json"), "utf8"));

  test("leaves the envelope of a success, of a failure and of a wrong flag", async () => {
    await runWith(["save"], keeping());
    expect(await kept()).toMatchObject({ status: "ok", error: null });
    await runWith(["save"], keeping({ run: refuse }));
    expect(await kept()).toMatchObject({ status: "precondition", error: { code: "NO_K3S" } });
    await runWith(["save", "--wrong"], keeping());
    expect(await kept()).toMatchObject({ status: "usage" });
    expect(await readdir(join(folder, "deep", "er"))).toEqual(["save.json"]);
  });

  test("warns and keeps the exit code when the file cannot be written", async () => {
    await writeFile(join(folder, "deep"), "a file where a folder should be");
    const { code, stdout, stderr } = await runWith(["save", "--json"], keeping());
    expect(code).toBe(0);
    expect(stderr).toContain("warning: the result file could not be written");
    expect(JSON.parse(stdout).warnings[0].code).toBe("RESULT_NOT_WRITTEN");
  });

  test("stays silent for users who are not root, and for commands that keep none", async () => {
    const { stderr } = await runWith(["save"], { command: { keepsResult: true } });
    expect(stderr).toBe("");
    await runWith(["save"], { ...keeping(), command: { keepsResult: false } });
    expect(await readdir(folder)).toEqual([]);
  });
});

describe("runProgram() and the first words", () => {
  test("prints help on stdout for --help, -h and help, before or after the command", async () => {
    for (const argv of [["--help"], ["-h"], ["help"]]) {
      const { code, stdout } = await runWith(argv);
      expect(code).toBe(0);
      expect(stdout).toContain("Commands\n  save  saves\n");
    }
    for (const argv of [
      ["save", "--help"],
      ["--help", "save"],
      ["help", "save"],
      ["save", "-h"],
    ]) {
      const { code, stdout } = await runWith(argv);
      expect(code).toBe(0);
      expect(stdout).toContain("-o, --output FILE");
      expect(stdout).toContain("Exit codes");
    }
  });

  test("takes --help after -- for an argument", async () => {
    const { code, stderr } = await runWith(["save", "--", "--help"]);
    expect(code).toBe(2);
    expect(stderr).toContain('does not expect "--help"');
  });

  test("prints the version", async () => {
    const { code, stdout } = await runWith(["--version"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^railiance-cluster \d+\.\d+\.\d+\n$/);
  });

  test("shows the help on stderr and exits 2 when nothing is asked", async () => {
    const { code, stdout, stderr } = await runWith([]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain("Usage");
  });

  test("suggests the nearest command or flag", async () => {
    expect((await runWith(["svae"])).stderr).toContain('no command "svae"; did you mean save?');
    expect((await runWith(["--verson"])).stderr).toContain("did you mean --version?");
    expect((await runWith(["--output", "x", "save"])).stderr).toContain("stand after its name");
  });

  test("takes flags of every command before its name", async () => {
    const { stdout } = await runWith(["--json", "save"]);
    expect(JSON.parse(stdout).command).toBe("save");
  });
});
