import { describe, expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PROGRAMS, bash, run, temporaryFolder } from "./program.ts";

const ESCAPE = "\u001b";

for (const { name, command } of PROGRAMS) {
  describe(`the program ${name}`, () => {
    test("prints its version", async () => {
      const { code, stdout, stderr } = await run([...command, "--version"]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout).toMatch(/^railiance-cluster \d+\.\d+\.\d+/);
    });

    test("prints help on stdout, exit 0, without colour in a pipe", async () => {
      for (const argv of [["--help"], ["backup", "--help"], ["help", "restore"]]) {
        const { code, stdout, stderr } = await run([...command, ...argv], {
          env: { TERM: "xterm-256color", LANG: "C.UTF-8" },
        });
        expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
        expect(stdout).toContain("Usage\n");
        expect(stdout).toContain("Examples\n");
        expect(stdout).toContain("Exit codes\n");
        expect(stdout).not.toContain(ESCAPE);
      }
    });

    test("shows the help on stderr and exits 2 when nothing is asked", async () => {
      const { code, stdout, stderr } = await run(command);
      expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
      expect(stderr).toContain("Commands\n");
    });

    test("exits 2 for a wrong flag or command, and suggests the right one", async () => {
      const flag = await run([...command, "backup", "--recipeint", "age1x"]);
      expect({ ...flag, signal: null }).toEqual({
        code: 2,
        signal: null,
        stdout: "",
        stderr:
          "error: backup has no flag --recipeint; did you mean --recipient?\n  see: railiance-cluster backup --help\n",
      });
      const word = await run([...command, "bakcup"]);
      expect(word.code).toBe(2);
      expect(word.stderr).toContain('there is no command "bakcup"; did you mean backup?');
    });

    test("says in one sentence that there is no k3s, and points to the demo", async () => {
      await using folder = await temporaryFolder();
      const { code, stdout, stderr } = await run([...command, "backup"], {
        env: { PATH: folder.path, RAILIANCE_RESULT_DIR: join(folder.path, "results") },
      });
      expect({ code, stdout }).toEqual({ code: 5, stdout: "" });
      const [sentence, hint, rest] = stderr.split("\n");
      expect(sentence).toBe("error: there is no k3s on this machine");
      expect(hint).toContain("make demo");
      expect(rest).toBe("");
    });

    test("with --json prints one object for every kind of failure, and nothing else on stdout", async () => {
      await using folder = await temporaryFolder();
      const env = { PATH: folder.path, RAILIANCE_RESULT_DIR: join(folder.path, "results") };
      const wrong: [string[], number, string][] = [
        [["backup", "--json"], 5, "precondition"],
        [["backup", "--json", "--nonsense"], 2, "usage"],
        [["nonsense", "--json"], 2, "usage"],
        [["--json"], 2, "usage"],
        [["list", "--json", "--dir", join(folder.path, "none")], 9, "not-found"],
        [["verify", "--json", "--dir", folder.path], 9, "not-found"],
      ];
      for (const [argv, exitCode, status] of wrong) {
        const { code, stdout } = await run([...command, ...argv], { env });
        expect(code).toBe(exitCode);
        const result = JSON.parse(stdout);
        expect(stdout).toBe(`${JSON.stringify(result)}\n`);
        expect(result).toMatchObject({ schema: "railiance.result/1", status, exit_code: exitCode });
        expect(result.error.message).not.toBe("");
      }
    });

    test("lists archives newest first, without a key", async () => {
      await using folder = await temporaryFolder();
      for (const [stamp, id] of [
        ["20261122T023107Z", "0a0a0a0a"],
        ["20261123T023107Z", "0b0b0b0b"],
      ]) {
        const file = `railiance-cluster_prod_s1_${stamp}_${id}.tar.zst.age`;
        await writeFile(join(folder.path, file), "x");
      }
      const { code, stdout } = await run([...command, "list", "--json", "--dir", folder.path]);
      expect(code).toBe(0);
      const ids = JSON.parse(stdout).archives.map((one: { id: string }) => one.id);
      expect(ids).toEqual(["0b0b0b0b", "0a0a0a0a"]);
      const text = await run([...command, "list"], { env: { RAILIANCE_BACKUP_DIR: folder.path } });
      expect(text.stdout.split("\n")[1]).toContain("0b0b0b0b");
    });

    test("works with an empty environment", async () => {
      const { code, stdout } = await bash(`exec env -i "$@" --version`, command);
      expect(code).toBe(0);
      expect(stdout).toContain("railiance-cluster");
    });

    test("keeps its exit code when whoever reads its output has gone", async () => {
      // The reader of descriptor 3 has ended before the program starts.
      const gone = `exec 3> >(:); wait $!; `;
      const help = await bash(`${gone} "$@" --help >&3`, command);
      expect({ code: help.code, stderr: help.stderr }).toEqual({ code: 0, stderr: "" });
      const talk = await bash(`${gone} "$@" backup --nonsense 2>&3`, command);
      expect(talk.code).toBe(2);
      const closed = await bash(`"$@" --help >&-`, command);
      expect(closed.code).toBe(0);
    });

    test("has colours on a terminal, and none with NO_COLOR, --no-color or a dumb terminal", async () => {
      const on = (extra: string, env: Record<string, string>) =>
        bash(`script -qec "$* ${extra}" /dev/null`, command, {
          env: { TERM: "xterm", LANG: "C.UTF-8", ...env },
        });
      expect((await on("bakcup", {})).stdout).toContain(`${ESCAPE}[31m✘${ESCAPE}[39m`);
      expect((await on("--help", {})).stdout).toContain(`${ESCAPE}[1mUsage`);
      expect((await on("bakcup", { NO_COLOR: "1" })).stdout).not.toContain(ESCAPE);
      expect((await on("bakcup --no-color", {})).stdout).not.toContain(ESCAPE);
      expect((await on("bakcup", { TERM: "dumb" })).stdout).not.toContain(ESCAPE);
      expect((await on("bakcup", { LANG: "C" })).stdout).toContain("error:");
    });

    test("gives priorities under the journal, and only there", async () => {
      await using folder = await temporaryFolder();
      const log = join(folder.path, "log");
      const script = `exec 2>"$1"; export JOURNAL_STREAM=$(stat -c %d:%i "$1"); shift; "$@" bakcup`;
      expect((await bash(script, [log, ...command])).code).toBe(2);
      expect(await Bun.file(log).text()).toMatch(/^<3>error: .*\n<3> {2}see: .*\n$/);
      const other = await run([...command, "bakcup"], { env: { JOURNAL_STREAM: "1:2" } });
      expect(other.stderr).toMatch(/^error: /);
    });
  });
}
