/** Sabotage of `make check`: each rule is broken once, and the check has to say so. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "layers-"));
  for (const name of [".oxlintrc.json", "tsconfig.json"]) {
    await copyFile(join(ROOT, name), join(folder, name));
  }
  await symlink(join(ROOT, "node_modules"), join(folder, "node_modules"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Lints a project of only these files; returns what the linter says. */
async function lint(files: Readonly<Record<string, string>>): Promise<string> {
  await rm(join(folder, "src"), { recursive: true, force: true });
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  const oxlint = join(ROOT, "node_modules/.bin/oxlint");
  // With CI set, oxlint colours its report, and NO_COLOR does not stop it.
  const { CI: _, ...env } = process.env;
  return new Promise((resolve) => {
    execFile(oxlint, ["--type-aware", "src"], { cwd: folder, env }, (error, out, err) =>
      resolve(error === null ? "" : `${out}${err}`),
    );
  });
}

const value = { "src/k3s/a.ts": "export const a = 1;\n" };
const use = (path: string, from: string) => ({
  [path]: `import { a } from "${from}";\nexport const b = a;\n`,
});

describe("make check", () => {
  test("lets a lower layer be used from above", async () => {
    expect(await lint({ ...value, ...use("src/app/b.ts", "../k3s/a.ts") })).toBe("");
    expect(await lint({ ...value, ...use("src/assets/b.ts", "../k3s/a.ts") })).toBe("");
    expect(await lint({ ...value, ...use("src/ha/b.ts", "../k3s/a.ts") })).toBe("");
  });

  const forbidden: [string, string, string][] = [
    ["src/k3s/b.ts", "../app/a.ts", "k3s holds facts"],
    ["src/k3s/b.ts", "../keys/a.ts", "k3s holds facts"],
    ["src/app/b.ts", "../cli/a.ts", "A use case knows nothing of flags"],
    ["src/app/deep/b.ts", "../../cli/a.ts", "A use case knows nothing of flags"],
    ["src/assets/b.ts", "../app/a.ts", "An asset knows only"],
    ["src/keys/b.ts", "../assets/a.ts", "Keys know only"],
    ["src/keys/b.ts", "../ha/a.ts", "Keys know only"],
    ["src/ha/b.ts", "../keys/a.ts", "ha holds probes, drills and rules"],
    ["src/ha/b.ts", "../assets/a.ts", "ha holds probes, drills and rules"],
    ["src/ha/deep/b.ts", "../../app/a.ts", "ha holds probes, drills and rules"],
    ["src/k3s/b.ts", "../ha/a.ts", "k3s holds facts"],
    ["src/cli/deep/b.ts", "../../ha/a.ts", "one call of a use case"],
    ["src/archive/b.ts", "../k3s/a.ts", "knows nothing of the host"],
    ["src/archive/b.ts", "../datastore/a.ts", "knows nothing of the host"],
    ["src/archive/b.ts", "../sys/a.ts", "does no I/O"],
    ["src/datastore/b.ts", "../sys/a.ts", "do no I/O"],
    ["src/datastore/b.ts", "../k3s/a.ts", "know nothing of the host"],
    ["src/sys/b.ts", "../archive/a.ts", "sys is the floor"],
    ["src/cli/b.ts", "../k3s/a.ts", "one call of a use case"],
    ["src/cli/b.ts", "../main.ts", "main calls cli"],
  ];
  test("says why no lower layer may import a higher one", async () => {
    const files: Record<string, string> = {};
    forbidden.forEach(([path, from], index) => {
      files[join(dirname(path), from)] = "export const a = 1;\n";
      Object.assign(files, use(path.replace("b.ts", `b${index}.ts`), from));
    });
    // One block of the report for each finding.
    const said = (await lint(files)).split("\n\n");
    forbidden.forEach(([path, from, reason], index) => {
      const place = path.replace("b.ts", `b${index}.ts`);
      const found = said.filter((block) => block.includes(`[${place}:`)).join("\n");
      expect(found).toContain("no-restricted-imports");
      expect(found).toContain(from);
      expect(found).toContain(reason);
    });
    expect(said.filter((block) => block.includes("no-restricted-imports"))).toHaveLength(
      forbidden.length,
    );
  });

  test("lets archive and datastore import types of sys, and nothing more", async () => {
    const type = { "src/sys/a.ts": "export interface A {\n  readonly size: number;\n}\n" };
    const text = `import type { A } from "../sys/a.ts";\nexport const b = (a: A): number => a.size;\n`;
    expect(await lint({ ...type, "src/archive/b.ts": text })).toBe("");
  });

  test("keeps files, processes, the network and Bun inside sys", async () => {
    const modules = ["node:fs", "node:fs/promises", "node:child_process", "node:net", "bun"];
    const globals = ["Bun", "process", "fetch"];
    const files = [
      ...modules.map((module) => `import * as a from "${module}";\nexport const b = a;\n`),
      ...globals.map((name) => `export const b: unknown = ${name};\n`),
    ];
    const inside = (layer: string) =>
      lint(Object.fromEntries(files.map((text, index) => [`src/${layer}/b${index}.ts`, text])));
    const above = await inside("app");
    expect(above.split("Only src/sys touches the host")).toHaveLength(modules.length + 1);
    expect(above.split("no-restricted-globals")).toHaveLength(globals.length + 1);
    expect(await inside("sys")).toBe("");
  });

  test("keeps process.exit in main.ts", async () => {
    const text = "export function b(): never {\n  process.exit(1);\n}\n";
    expect(await lint({ "src/sys/b.ts": text })).toContain("no-process-exit");
    expect(await lint({ "src/main.ts": text })).toBe("");
  });

  test("finds import cycles", async () => {
    const said = await lint({
      "src/app/a.ts": 'import { b } from "./b.ts";\nexport const a = (): number => b();\n',
      "src/app/b.ts": 'import { a } from "./a.ts";\nexport const b = (): number => a();\n',
    });
    expect(said).toContain("no-cycle");
  });

  test("finds forgotten awaits, also where the lock would be let go too early", async () => {
    const head = "declare function save(): Promise<number>;\n";
    const dropped = `${head}export function b(): void {\n  save();\n}\n`;
    expect(await lint({ "src/app/b.ts": dropped })).toContain("no-floating-promises");
    const misused = `${head}export const b = [1].filter(async () => (await save()) > 0);\n`;
    expect(await lint({ "src/app/b.ts": misused })).toContain("no-misused-promises");
    const early = `${head}declare function lock(): AsyncDisposable;\nexport async function b(): Promise<number> {\n  await using _lock = lock();\n  return save();\n}\n`;
    expect(await lint({ "src/app/b.ts": early })).toContain("return-await");
  });

  test("finds any, non-null assertions and default exports", async () => {
    expect(await lint({ "src/app/b.ts": "export const b: any = 1;\n" })).toContain(
      "no-explicit-any",
    );
    expect(
      await lint({ "src/app/b.ts": "export const b = (a?: string): string => a!;\n" }),
    ).toContain("no-non-null-assertion");
    expect(await lint({ "src/app/b.ts": "export default 1;\n" })).toContain("no-default-export");
  });
});
