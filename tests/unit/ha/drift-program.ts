/** Runs `ha drift` and `ha lint` as a person does, over recorded answers of a cluster; no secret may be in what they say. */
import { expect } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import { stringify } from "yaml";
import { COMMANDS } from "../../../src/cli/root.ts";
import { runProgram } from "../../../src/cli/run.ts";
import { withFolder } from "../../helpers/folder.ts";
import { fakeTerminal } from "../cli/helpers.ts";
import { cluster } from "./support.ts";
import type { StandIn } from "../helm/stand-in.ts";
import type { FakeRelease, FakeSecrets, JsonMap } from "./support.ts";

const CHART = { name: "postgresql-ha", version: "16.3.4" };
export const FILE: JsonMap = {
  postgresql: { replicaCount: 3, password: "sEcret-one", repmgrPassword: "sEcret-two" },
  pgpool: { replicaCount: 2, adminPassword: "sEcret-three", srCheckPassword: "sEcret-four" },
};
export const SECRETS: FakeSecrets = {
  "pg-postgresql-ha-pgpool": {
    "admin-password": "sEcret-three",
    "sr-check-password": "sEcret-four",
  },
  "pg-postgresql-ha-postgresql": { password: "sEcret-one", "repmgr-password": "sEcret-two" },
};

export const Result = v.object({
  status: v.string(),
  exit_code: v.number(),
  releases: v.array(v.object({ release: v.string(), not_compared: v.number() })),
  findings: v.array(
    v.object({
      id: v.string(),
      path: v.nullable(v.string()),
      file: v.nullable(v.string()),
      line: v.nullable(v.number()),
      message: v.string(),
      hint: v.string(),
    }),
  ),
});

export function release(config: JsonMap | null, over: Partial<FakeRelease> = {}): FakeRelease {
  return { namespace: "db", name: "pg", revision: 4, chart: CHART, config, ...over };
}

interface Said {
  readonly code: number;
  /** Everything that came out: stdout, stderr, result file. */
  readonly all: string;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the program in a folder with files; fails when anything it says holds one of the secrets. */
export async function program(
  argv: readonly string[],
  files: Readonly<Record<string, string>>,
  options: { readonly stand?: StandIn; readonly secrets?: readonly string[] } = {},
): Promise<Said> {
  return withFolder(async (folder) => {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    const { stand } = options;
    await using own = stand ?? (await cluster([]));
    const terminal = fakeTerminal();
    const results = join(folder, "results");
    const host = { ...own.host, env: { ...own.host.env, RAILIANCE_RESULT_DIR: results } };
    const code = await runProgram(argv, {
      host,
      terminal,
      workingDirectory: folder,
      commands: COMMANDS,
    });
    const kept = readdirSync(results, { recursive: true, encoding: "utf8" });
    const stdout = terminal.stdout.join("");
    const stderr = terminal.stderr.join("");
    const all = [
      stdout,
      stderr,
      ...kept.map((one) => readFileSync(join(results, one), "utf8")),
    ].join("\n");
    for (const secret of ["sEcret", ...(options.secrets ?? [])]) {
      for (const form of [secret, Buffer.from(secret).toString("base64")]) {
        expect(all.includes(form) ? `said ${form}` : "").toBe("");
      }
    }
    return { code, all, stdout, stderr };
  });
}

/** `id path` of every finding of a drift between `file` and the cluster. */
export async function drift(
  file: JsonMap,
  releases: readonly FakeRelease[],
  options: { readonly secrets?: FakeSecrets; readonly flags?: readonly string[] } = {},
): Promise<{ found: string[]; code: number; messages: string; stdout: string }> {
  const stand = await cluster(releases, options.secrets ?? SECRETS);
  const argv = [
    "ha",
    "drift",
    "--release",
    "db/pg",
    "-f",
    "pg.yaml",
    ...(options.flags ?? []),
    "--json",
  ];
  const { code, stdout } = await program(argv, { "pg.yaml": stringify(file) }, { stand });
  const result = v.parse(Result, JSON.parse(stdout));
  expect(result.exit_code).toBe(code);
  return {
    code,
    stdout,
    found: result.findings.map(({ id, path }) => `${id} ${path ?? ""}`.trim()),
    messages: result.findings.map(({ message }) => message).join("\n"),
  };
}

export const without = (json: JsonMap, section: string, key: string): JsonMap => {
  const inner = json[section];
  const { [key]: _, ...rest } =
    typeof inner === "object" && inner !== null && !Array.isArray(inner) ? inner : {};
  return { ...json, [section]: rest };
};
