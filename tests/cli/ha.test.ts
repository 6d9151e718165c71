/** `ha lint` as it is shipped: rules, semver and yaml are inside the executable. */
import { describe, expect, test } from "bun:test";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { COMPILED, PROGRAMS, run, temporaryFolder } from "./program.ts";

const VALUES = `postgresql:
  replicaCount: 3
  password: hunter1
  repmgrPassword: hunter2
  podAntiAffinityPreset: hard
  pdb: {create: true}
  image: {registry: registry.example, tag: "17.5.0"}
pgpool:
  replicaCount: 2
  adminPassword: hunter3
  podAntiAffinityPreset: hard
  pdb: {create: true}
  image: {registry: registry.example, tag: "4.6.0"}
global:
  security: {allowInsecureImages: true}
`;

for (const { name, command } of PROGRAMS) {
  describe(`ha, ${name}`, () => {
    test("lint finds the missing password of the incident, exit 11, and passes once it is there", async () => {
      await using folder = await temporaryFolder();
      const { path: cwd } = folder;
      await writeFile(join(cwd, "pg.yaml"), VALUES);
      await writeFile(join(cwd, "sr.yaml"), "pgpool:\n  srCheckPassword: hunter4\n");
      const results = join(cwd, "results");
      const options = { cwd, env: { RAILIANCE_RESULT_DIR: results } };
      const lint = ["ha", "lint", "--chart", "postgresql-ha@16.3.4", "-f", "pg.yaml"];

      const found = await run([...command, ...lint], options);
      expect([found.code, found.stderr]).toEqual([11, ""]);
      expect(found.stdout.split("\n")[0]).toStartWith("pg.yaml:8: error: pgpool.srCheckPassword: ");
      expect(found.stdout).toContain("put pgpool.srCheckPassword into an encrypted values file");
      expect(found.stdout).toContain("1 finding (1 error, 0 warnings) in pg.yaml");
      const kept = JSON.parse(await readFile(join(results, "ha-lint.json"), "utf8"));
      expect(kept).toMatchObject({ command: "ha lint", status: "drift", exit_code: 11 });

      const clean = await run([...command, ...lint, "-f", "sr.yaml"], options);
      expect([clean.code, clean.stderr]).toEqual([0, ""]);
      expect(clean.stdout).toMatch(/^postgresql-ha 16\.3\.4: \d+ rules hold\n$/);

      const json = await run([...command, ...lint, "--json"], options);
      expect([json.code, json.stderr]).toEqual([11, ""]);
      expect(JSON.parse(json.stdout)).toMatchObject({
        command: "ha lint",
        findings: [
          {
            id: "postgresql-ha/pgpool.sr-check-password",
            file: "pg.yaml",
            line: 8,
            severity: "error",
          },
        ],
      });
      expect(`${found.stdout}${json.stdout}${JSON.stringify(kept)}`).not.toContain("hunter");
    });

    test("lint -q says which releases of a list it did not check, and fails for a version without rules", async () => {
      await using folder = await temporaryFolder();
      const { path: cwd } = folder;
      await writeFile(join(cwd, "none.yaml"), "");
      const list = (version: string): string => `schema: railiance.ha-releases/1
releases:
  - {release: db/pg, chart: postgresql-ha@${version}, values: [none.yaml]}
  - {release: web/shop, chart: shop@1.0.0, values: [none.yaml]}
`;
      await writeFile(join(cwd, "list.yaml"), list("8.0.0"));
      const options = { cwd, env: { RAILIANCE_RESULT_DIR: join(cwd, "results") } };
      const old = await run([...command, "ha", "lint", "-q", "--file", "list.yaml"], options);
      expect(old.code).toBe(11);
      expect(old.stdout).toContain("there are no rules for postgresql-ha 8.0.0");
      expect(old.stdout).toContain("[postgresql-ha/no-rules]\n");
      expect(old.stdout).toEndWith("\nweb/shop: not checked, there are no rules for shop\n");
    });

    test("drift says what is missing on a machine without k3s", async () => {
      await using folder = await temporaryFolder();
      await writeFile(join(folder.path, "pg.yaml"), VALUES);
      const argv = ["ha", "drift", "--release", "db/pg", "-f", "pg.yaml"];
      const env = { PATH: folder.path };
      const { code, stdout, stderr } = await run([...command, ...argv], { cwd: folder.path, env });
      expect([code, stdout]).toEqual([5, ""]);
      expect(stderr).toContain("there is no k3s on this machine");
    });
  });
}

test("ha refuses combinations that make no sense", async () => {
  const rows: [string[], string][] = [
    [["lint", "--values", "x"], "--values needs --chart NAME@VERSION"],
    [["lint", "--chart", "redis@20.0.0"], "--chart needs --values FILE"],
    [["lint", "--manifests", "x"], "--manifests needs --values and --chart"],
    [["lint", "--file", "x", "--chart", "a@1.0.0", "-f", "x"], "either --file or --values"],
    [["lint", "--chart", "redis", "-f", "x"], "redis is no chart with an exact version"],
    [["drift", "--file", "x", "--release", "a/b", "-f", "x"], "either --file or --release"],
    [["drift", "--chart", "redis@20.0.0"], "--chart needs --release"],
  ];
  for (const [argv, says] of rows) {
    const { code, stdout, stderr } = await run([COMPILED, "ha", ...argv]);
    expect([argv, code, stdout]).toEqual([argv, 2, ""]);
    expect(stderr).toContain(says);
  }
});
