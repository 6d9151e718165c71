/** What help and docs say of files that operators write is what the readers take. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  CHECKS_SAMPLE,
  COMPONENTS_SAMPLE,
  DRILL_SAMPLE,
  RELEASES_SAMPLE,
  RULES_SAMPLE,
} from "../../../src/cli/ha/samples.ts";
import { parseComponents } from "../../../src/ha/components.ts";
import { check } from "../../../src/ha/drill/check-schema.ts";
import { kill } from "../../../src/ha/drill/kill-schema.ts";
import { probe } from "../../../src/ha/drill/probe-schema.ts";
import { readDrillFile } from "../../../src/ha/drill/read-file.ts";
import { target } from "../../../src/ha/drill/target-schema.ts";
import { parseRules } from "../../../src/ha/find-rules.ts";
import { parseReleases } from "../../../src/ha/releases-file.ts";
import { parseChecks } from "../../../src/ha/smoke/checks-file.ts";
import { failureOf } from "../../helpers/errors.ts";
import type { ObjectEntries } from "valibot";

const DOCS = readFileSync(new URL("../../../docs/ha.md", import.meta.url), "utf8");

/** The names of each kind of a variant, with its fields. */
function kindsOf(
  by: string,
  options: readonly ({ entries: ObjectEntries } | { pipe: readonly unknown[] })[],
): (readonly [string, readonly string[]])[] {
  return options.map((option) => {
    const entries =
      "entries" in option ? option.entries : Reflect.get(Object(option.pipe[0]), "entries");
    const name: unknown = Reflect.get(Object(entries[by]), "literal");
    return [String(name), Object.keys(entries).filter((field) => field !== by)] as const;
  });
}

const KINDS = {
  check: Object.entries(check.entries).flatMap(([name, schema]) => {
    const wrapped: unknown = Reflect.get(Object(schema), "wrapped");
    const entries: unknown = Reflect.get(Object(wrapped), "entries");
    return entries === undefined ? [] : [[name, Object.keys(Object(entries))] as const];
  }),
  probe: kindsOf("kind", probe.options),
  target: kindsOf("resolve", target.options),
  kill: kindsOf("method", kill.options),
};

describe("the samples in --help", () => {
  test("are files that their commands take", async () => {
    const folder = await mkdtemp(join(tmpdir(), "railiance-samples-"));
    try {
      const path = join(folder, "drill.yaml");
      await writeFile(path, DRILL_SAMPLE.text);
      expect((await readDrillFile(path)).drill.name).toBe("postgres-primary-kill");
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
    expect(parseChecks(CHECKS_SAMPLE.text, "smoke.yaml").length).toBe(6);
    expect(parseReleases(RELEASES_SAMPLE.text, "/ha/releases.yaml").length).toBe(1);
    expect(parseRules(RULES_SAMPLE.text, "rules.yaml").chart).toBe("shop");
    expect(parseComponents(COMPONENTS_SAMPLE.text, "/ha/components.yaml").length).toBe(1);
  });

  test("of a drill names every kind of check, probe, target and kill", () => {
    for (const [what, kinds] of Object.entries(KINDS)) {
      const line = new RegExp(`^# (?:a )?${what}: +(.*)$`, "m").exec(DRILL_SAMPLE.text)?.[1];
      expect([what, line?.split(" ")]).toEqual([what, kinds.map(([name]) => name)]);
    }
  });
});

describe("docs/ha.md", () => {
  /** The row of a kind in a table of fields; undefined when it is in none. */
  const rowOf = (what: string, name: string): string | undefined =>
    DOCS.split("\n").find((line) => line.startsWith(`| ${what} \`${name}\` |`));

  test("has a row with every field of each kind of check, probe, target and kill", () => {
    for (const [what, kinds] of Object.entries(KINDS)) {
      for (const [name, fields] of kinds) {
        const row = rowOf(what, name) ?? "";
        // How a database is reached is said once for all.
        const all = ["via", "user", "database", "passwordFrom"];
        const isDatabase = all.every((field) => fields.includes(field));
        const own = fields.filter((field) => !isDatabase || !all.includes(field));
        const missing = own.filter((field) => !row.includes(`\`${field}`));
        expect([what, name, row !== "", missing]).toEqual([what, name, true, []]);
        expect([what, name, row.includes("*database*")]).toEqual([what, name, isDatabase]);
      }
    }
  });
});

describe("an empty file", () => {
  test("is said to be empty, and what it must hold", async () => {
    const said = async (read: () => unknown): Promise<string> =>
      (await failureOf(async () => void (await read()))).message;
    expect(await said(() => readDrillFile("/dev/null"))).toBe(
      "/dev/null is empty; it must hold a drill",
    );
    expect(await said(() => parseChecks("", "s.yaml"))).toContain("s.yaml is empty; it must hold");
    expect(await said(() => parseReleases("---\n", "r.yaml"))).toBe(
      "r.yaml is empty; it must hold a list of releases",
    );
    expect(await said(() => parseComponents("# x\n", "c.yaml"))).toBe(
      "c.yaml is empty; it must hold a list of components",
    );
    expect(await said(() => parseRules("", "x.yaml"))).toBe("x.yaml is empty; it must hold rules");
  });
});
