/**
 * `ha lint` and `ha drift` on a bare server with the real helm: the incident of
 * 2026-03-10, where a password given once by --set was missing for half a year.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import * as v from "valibot";
import { skipWithoutLab, startBareServer } from "../lab/server.ts";
import { PROGRAM, giveKey, helm } from "./workload.ts";
import type { BareServer, CommandResult } from "../lab/server.ts";
import type { Key } from "./workload.ts";

const SOPS = resolve(process.env["LAB_BIN"] ?? `${import.meta.dirname}/../../.lab/bin`, "sops");
const SECRETS = /hunter[0-9]|AGE-SECRET-KEY/;

/** A chart of the same name and with Secrets of the same names as the real one; the rest of it is not needed here. */
const CHART: Readonly<Record<string, string>> = {
  "Chart.yaml": "apiVersion: v2\nname: postgresql-ha\nversion: 16.3.4\n",
  "values.yaml": "pgpool: {replicaCount: 1}\npostgresql: {replicaCount: 3}\n",
  "templates/secrets.yaml": `apiVersion: v1
kind: Secret
metadata: {name: {{ .Release.Name }}-postgresql-ha-pgpool}
stringData:
  admin-password: {{ .Values.pgpool.adminPassword | quote }}
  sr-check-password: {{ .Values.pgpool.srCheckPassword | default (randAlphaNum 10) | quote }}
---
apiVersion: v1
kind: Secret
metadata: {name: {{ .Release.Name }}-postgresql-ha-postgresql}
stringData:
  password: {{ .Values.postgresql.password | quote }}
  repmgr-password: {{ .Values.postgresql.repmgrPassword | quote }}
`,
};
const VALUES = `postgresql:
  replicaCount: 3
  password: hunter1
  repmgrPassword: hunter2
pgpool:
  replicaCount: 2
  adminPassword: hunter3
`;

const Result = v.object({
  exit_code: v.number(),
  findings: v.array(
    v.object({ id: v.string(), path: v.nullable(v.string()), message: v.string() }),
  ),
  warnings: v.array(v.object({ code: v.string() })),
});

describe.skipIf(skipWithoutLab())("ha on a server", () => {
  let server: BareServer;
  let key: Key;

  beforeAll(async () => {
    server = await startBareServer();
    key = await giveKey(server);
    for (const [path, text] of Object.entries(CHART)) server.write(`/root/chart/${path}`, text);
    server.write("/root/pg.yaml", VALUES);
    await helm(
      server,
      "install pg /root/chart -n db --create-namespace -f /root/pg.yaml --set pgpool.srCheckPassword=hunter4",
    );
  }, 240_000);
  afterAll(() => server[Symbol.asyncDispose]());

  async function ha(args: string): Promise<CommandResult> {
    const result = await server.run(`${PROGRAM} ha ${args}`, { timeout: 120_000 });
    expect(`${result.stdout}${result.stderr}`).not.toMatch(SECRETS);
    return result;
  }

  async function drift(args: string) {
    const { exitCode, stdout } = await ha(`drift --json ${args}`);
    const result = v.parse(Result, JSON.parse(stdout));
    expect(result.exit_code).toBe(exitCode ?? -1);
    return {
      exitCode,
      found: result.findings.map(({ id, path }) => `${id} ${path ?? ""}`.trim()),
      messages: result.findings.map(({ message }) => message),
      warnings: result.warnings.map(({ code }) => code),
    };
  }

  /** Encrypts for the server's key, as somebody does at their desk. */
  function encrypted(text: string): string {
    const args = [
      "encrypt",
      "--age",
      key.recipient,
      "--input-type",
      "yaml",
      "--output-type",
      "yaml",
    ];
    const result = spawnSync(SOPS, [...args, "/dev/stdin"], {
      input: text,
      env: { HOME: "/nonexistent" },
      encoding: "utf8",
    });
    if (result.status !== 0) throw new Error(`sops: ${result.error?.message ?? result.stderr}`);
    return result.stdout;
  }

  test("lint catches the incident before anything is installed", async () => {
    const { exitCode, stdout } = await ha("lint --chart postgresql-ha@16.3.4 -f /root/pg.yaml");
    expect(exitCode).toBe(11);
    expect(stdout).toContain("[postgresql-ha/pgpool.sr-check-password]");
    expect(stdout).toContain("/root/pg.yaml:5: error: pgpool.srCheckPassword:");
  });

  test("drift finds nothing against what helm itself says the values are", async () => {
    const yaml = await helm(server, "get values pg -n db -o yaml");
    server.write("/root/live.yaml", yaml);
    const result = await drift("--release db/pg -f /root/live.yaml --chart postgresql-ha@16.3.4");
    expect(result).toMatchObject({ exitCode: 0, found: [], warnings: [] });
  });

  test("drift opens a file that sops encrypted with the server's key; without it nothing is guessed", async () => {
    server.write("/root/sr.yaml", encrypted("pgpool:\n  srCheckPassword: hunter4\n"));
    const both = "--release db/pg -f /root/pg.yaml -f /root/sr.yaml";
    expect(await drift(both)).toMatchObject({ exitCode: 0, found: [], warnings: [] });
    server.write("/root/other.yaml", encrypted("pgpool:\n  srCheckPassword: hunter9\n"));
    expect((await drift("--release db/pg -f /root/pg.yaml -f /root/other.yaml")).found).toEqual([
      "changed pgpool.srCheckPassword",
      "secret-differs pgpool.srCheckPassword",
    ]);
    const { stdout, stderr } = await server.run(
      `env HOME=/nonexistent ${PROGRAM} ha drift ${both}`,
      { timeout: 120_000 },
    );
    expect(stdout).toContain("2 encrypted values not compared");
    expect(stderr).toContain("count as present, unseen");
    expect(`${stdout}${stderr}`).not.toMatch(SECRETS);
  });

  test("a backup is compared in the same way, before it is needed", async () => {
    await server.must(`${PROGRAM} backup -q`, { timeout: 120_000 });
    const both = "--archive newest --release db/pg -f /root/pg.yaml -f /root/sr.yaml";
    expect(await drift(both)).toMatchObject({ exitCode: 0, found: [] });
    server.write("/root/more.yaml", "pgpool: {replicaCount: 2, pool: {size: 5}}\n");
    const more = await drift(`${both} -f /root/more.yaml`);
    expect(more.found).toEqual(["file-only pgpool.pool.size"]);
    expect(more.messages).toEqual(["this restore would lack pgpool.pool.size"]);
    const gone = await drift("--archive newest --release db/other -f /root/pg.yaml");
    expect(gone.messages).toEqual(["this restore would lack the whole release db/other"]);
  });

  test("drift finds what the next upgrade loses, and that upgrade really loses it", async () => {
    const before = await drift("--release db/pg -f /root/pg.yaml --chart postgresql-ha@16.3.4");
    expect(before).toMatchObject({
      exitCode: 11,
      found: ["live-only pgpool.srCheckPassword", "secret-unversioned pgpool.srCheckPassword"],
    });
    await helm(server, "upgrade pg /root/chart -n db -f /root/pg.yaml");
    expect(await helm(server, "get values pg -n db -o yaml")).not.toContain("srCheckPassword");
    // Now only the Secret has one, and it is one that the chart made up.
    const after = await drift("--release db/pg -f /root/pg.yaml");
    expect(after.found).toEqual(["secret-unversioned pgpool.srCheckPassword"]);
    // The backup still has the right one, and says so.
    expect(
      await drift("--archive newest --release db/pg -f /root/pg.yaml -f /root/sr.yaml"),
    ).toMatchObject({
      exitCode: 0,
    });
    expect((await drift("--release db/pg -f /root/pg.yaml -f /root/sr.yaml")).found).toEqual([
      "file-only pgpool.srCheckPassword",
      "secret-differs pgpool.srCheckPassword",
    ]);
  });

  test("drift reads the list of releases in the folder one stands in", async () => {
    server.write(
      "/root/repo/ha/releases.yaml",
      `schema: railiance.ha-releases/1
releases:
  - release: db/pg
    chart: postgresql-ha@16.3.3
    values: [../../pg.yaml]
`,
    );
    const result = await server.run(`cd /root/repo && ${PROGRAM} ha drift`, { timeout: 120_000 });
    expect(result.exitCode).toBe(11);
    expect(result.stdout).toContain(
      "runs postgresql-ha 16.3.4, and postgresql-ha 16.3.3 is pinned",
    );
    const lint = await server.run(`cd /root/repo && ${PROGRAM} ha lint`);
    expect(lint.exitCode).toBe(11);
    expect(`${result.stdout}${lint.stdout}`).not.toMatch(SECRETS);
  });
});
