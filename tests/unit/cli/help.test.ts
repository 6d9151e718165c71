/** What `--help` says is what the program does. */
import { describe, expect, test } from "bun:test";
import { commandHelp, programHelp } from "../../../src/cli/help.ts";
import { COMMANDS } from "../../../src/cli/root.ts";
import { chooseStyle } from "../../../src/cli/style.ts";
import { EXIT } from "../../../src/errors.ts";

const STYLE = chooseStyle({ isTerminal: false, noColor: true, env: {} });

/** The rows of the exit codes at the end of a help text. */
function codesIn(help: string): Map<number, string> {
  const [, table = ""] = help.split("\nExit codes\n");
  const rows = [...table.matchAll(/^ +(\d+) +(.+)$/gm)];
  return new Map(rows.map(([, code, meaning = ""]) => [Number(code), meaning]));
}

function helpOf(name: string): string {
  const command = COMMANDS.find((one) => one.name === name);
  if (command === undefined) throw new Error(`no command ${name}`);
  return commandHelp(command, STYLE);
}

describe("--help", () => {
  const all = codesIn(programHelp(COMMANDS, STYLE));

  test("has each code that a command ends with, and says a failed restore of 1, not a fault alone", () => {
    const used = new Set(COMMANDS.flatMap(({ exits }) => exits.map((name) => EXIT[name])));
    for (const code of [0, 1, 2, 130, ...used]) expect([code, all.has(code)]).toEqual([code, true]);
    expect(all.get(1)).toContain("a restore failed");
    expect(all.get(4)).not.toContain("unreadable");
    expect(all.get(5)).toContain("unreadable");
    expect(all.get(130)).toContain("143: by SIGTERM or SIGHUP");
  });

  test("says of 11 and 12 what the gate means by them", () => {
    const gate = codesIn(helpOf("ha status"));
    expect(gate.get(11)).toContain("has to be proven anew");
    expect(gate.get(12)).toContain("was never proven");
  });

  test("shows the files that a command reads, between examples and exit codes", () => {
    for (const command of COMMANDS) {
      const help = helpOf(command.name);
      for (const { title, text } of command.samples ?? []) {
        const [first = ""] = text.split("\n");
        expect(help).toContain(`\n\n${title}\n  ${first}\n`);
        expect(help.indexOf(title)).toBeLessThan(help.indexOf("Exit codes"));
      }
    }
    expect(helpOf("ha drill")).toContain("\n  recovery: {window: ");
  });
});
