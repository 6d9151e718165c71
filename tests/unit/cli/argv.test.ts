import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseInput } from "../../../src/cli/argv.ts";
import { command } from "./helpers.ts";

const save = command();
const withArchive = command({
  positionals: [{ name: "ARCHIVE", help: "which", count: "optional" }],
});
const withPaths = command({
  positionals: [
    { name: "ARCHIVE", help: "which", count: "required" },
    { name: "PATH", help: "what", count: "many" },
  ],
});

describe("parseInput()", () => {
  test("collects a repeated list flag in order, in every spelling", () => {
    const input = parseInput(["-r", "a", "--recipient", "b", "--recipient=c", "-rd"], save);
    expect(input.list("recipient")).toEqual(["a", "b", "c", "d"]);
  });

  test("reads switches, also grouped, and values with = and dashes in them", () => {
    const input = parseInput(["-qo", "x", "--json"], save);
    expect(input.has("quiet")).toBe(true);
    expect(input.has("json")).toBe(true);
    expect(input.text("output")).toBe("x");
    expect(parseInput(["--output=--force=1"], save).text("output")).toBe("--force=1");
    expect(parseInput([], save).text("output")).toBeUndefined();
    expect(parseInput([], save).list("recipient")).toEqual([]);
  });

  test("rejects an unknown flag and suggests the nearest one", () => {
    expect(() => parseInput(["--recipeint", "x"], save)).toThrow(
      "save has no flag --recipeint; did you mean --recipient?",
    );
    expect(() => parseInput(["--outptu=x"], save)).toThrow("did you mean --output?");
    expect(() => parseInput(["--frobnicate"], save)).toThrow(/has no flag --frobnicate$/);
    expect(() => parseInput(["-x"], save)).toThrow("save has no flag -x");
  });

  test("rejects a value that is missing, empty or looks like the next flag", () => {
    expect(() => parseInput(["--output"], save)).toThrow("--output needs a value (FILE)");
    expect(() => parseInput(["--output="], save)).toThrow("--output needs a value (FILE)");
    expect(() => parseInput(["--output", "--json"], save)).toThrow("not another flag");
    expect(() => parseInput(["-r", "-q"], save)).toThrow("not another flag");
  });

  test("takes a lone dash as a value", () => {
    expect(parseInput(["-o", "-"], save).text("output")).toBe("-");
  });

  test("rejects a value for a switch, and a flag that counts once given twice", () => {
    expect(() => parseInput(["--json=yes"], save)).toThrow("--json takes no value");
    expect(() => parseInput(["-o", "a", "--output", "b"], save)).toThrow("more than once");
    expect(parseInput(["--json", "--json"], save).has("json")).toBe(true);
  });

  test("rejects arguments that are not expected and names those that are missing", () => {
    expect(() => parseInput(["extra"], save)).toThrow('save does not expect "extra"');
    expect(() => parseInput(["a", "b"], withArchive)).toThrow('does not expect "b"');
    expect(() => parseInput([], withPaths)).toThrow("save needs ARCHIVE");
    expect(parseInput(["a", "b", "c"], withPaths).positionals).toEqual(["a", "b", "c"]);
  });

  test("takes everything after -- as arguments", () => {
    expect(parseInput(["--", "--json"], withArchive).positionals).toEqual(["--json"]);
    expect(parseInput(["--", "--json"], withArchive).has("json")).toBe(false);
  });

  test("refuses to be asked for a flag that is not declared", () => {
    expect(() => parseInput([], save).has("nothing")).toThrow(TypeError);
    expect(() => parseInput([], save).has("output")).toThrow(TypeError);
  });

  test("loses no word: all are values, arguments or an error", () => {
    const word = fc.string({ minLength: 1 }).filter((text) => !text.startsWith("-"));
    fc.assert(
      fc.property(fc.array(word), fc.array(word), (recipients, rest) => {
        const argv = [...recipients.flatMap((one) => ["-r", one]), "x", ...rest];
        const input = parseInput(argv, withPaths);
        expect([...input.list("recipient"), ...input.positionals]).toEqual([
          ...recipients,
          "x",
          ...rest,
        ]);
      }),
    );
  });
});
