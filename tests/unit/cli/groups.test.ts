/** Commands under one word: `ha lint`. */
import { describe, expect, test } from "bun:test";
import { runProgram } from "../../../src/cli/run.ts";
import { testHost } from "../../helpers/host.ts";
import { command, fakeTerminal } from "./helpers.ts";
import type { Command, CommandGroup } from "../../../src/cli/command.ts";

const group: CommandGroup = { name: "ha", summary: "availability", about: "Proves it." };
const ran: string[] = [];

function inGroup(name: string): Command {
  return command({
    name: `ha ${name}`,
    group,
    summary: `does ${name}`,
    examples: [{ run: `ha ${name} -o x`, does: `${name} to x` }],
    run: (input) => {
      ran.push(`ha ${name} ${input.text("output") ?? ""}`.trim());
      return Promise.resolve({ exit: "ok", lines: [], fields: {} });
    },
  });
}

const COMMANDS = [command(), inGroup("lint"), inGroup("drift")];

async function run(...argv: string[]) {
  ran.length = 0;
  const terminal = fakeTerminal();
  const code = await runProgram(argv, {
    host: testHost({ uid: 1000 }),
    terminal,
    workingDirectory: "/",
    commands: COMMANDS,
  });
  return { code, out: terminal.stdout.join(""), err: terminal.stderr.join(""), ran: [...ran] };
}

describe("a group of commands", () => {
  test("runs the command after its word, with flags after it or common ones before", async () => {
    expect(await run("ha", "lint", "-o", "x")).toMatchObject({ code: 0, ran: ["ha lint x"] });
    expect(await run("ha", "drift")).toMatchObject({ code: 0, ran: ["ha drift"] });
    for (const argv of [
      ["--json", "ha", "lint"],
      ["ha", "--json", "lint"],
      ["ha", "lint", "--json"],
    ]) {
      const { code, out, ran: names } = await run(...argv);
      expect([code, names]).toEqual([0, ["ha lint"]]);
      expect(JSON.parse(out)).toMatchObject({ command: "ha lint", exit_code: 0 });
    }
  });

  test("alone shows its commands with an example of each, and counts as a mistake", async () => {
    const { code, out, err } = await run("ha");
    expect([code, out]).toEqual([2, ""]);
    for (const part of ["Proves it.", "ha lint ", "does drift", "# lint to x", "ha drift -o x"]) {
      expect(err).toContain(part);
    }
    expect(err).not.toContain("save");
    const json = await run("ha", "--json");
    expect(JSON.parse(json.out).error).toEqual({
      code: "USAGE",
      message: "ha needs a command after it",
    });
  });

  test("has its help on stdout when it is asked for", async () => {
    for (const argv of [
      ["ha", "--help"],
      ["ha", "-h"],
      ["help", "ha"],
      ["ha", "help"],
      ["--help", "ha"],
    ]) {
      const { code, out, err } = await run(...argv);
      expect([argv, code, err]).toEqual([argv, 0, ""]);
      expect(out).toContain("ha COMMAND [flags]");
    }
    for (const argv of [
      ["ha", "lint", "--help"],
      ["help", "ha", "lint"],
      ["ha", "help", "lint"],
      ["ha", "--help", "lint"],
    ]) {
      const { code, out, ran: names } = await run(...argv);
      expect([argv, code, names]).toEqual([argv, 0, []]);
      expect(out).toContain("railiance-cluster ha lint [flags]");
    }
  });

  test("is one line in the help of the program", async () => {
    const { out } = await run("--help");
    expect(out.match(/^ {2}ha /gm)).toHaveLength(1);
    expect(out).toContain("availability");
  });

  test("suggests the right word for a slip, and knows no flag before its command", async () => {
    expect((await run("ha", "lnit")).err).toContain(
      'ha has no command "lnit"; did you mean ha lint?',
    );
    expect((await run("hq")).err).toContain('there is no command "hq"; did you mean ha?');
    expect((await run("help", "ha", "drfit")).err).toContain("did you mean ha drift?");
    expect((await run("ha", "--output", "x", "lint")).err).toContain(
      "there is no flag --output here",
    );
    expect((await run("lint")).err).toContain('there is no command "lint"');
    for (const argv of [["ha", "lnit"], ["ha lint"]]) expect((await run(...argv)).code).toBe(2);
  });
});
