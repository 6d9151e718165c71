/** `ha drift` and `ha lint` as a person runs them. No secret is ever in what they say. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { stringify } from "yaml";
import * as v from "valibot";
import { cluster } from "./support.ts";
import { FILE, Result, SECRETS, drift, program, release, without } from "./drift-program.ts";
import type { FakeSecrets, JsonMap } from "./support.ts";

describe("ha drift", () => {
  test("finds nothing when files, release and Secrets say the same", async () => {
    const stand = await cluster([release(FILE)], SECRETS);
    const argv = [
      "ha",
      "drift",
      "--release",
      "db/pg",
      "-f",
      "pg.yaml",
      "--chart",
      "postgresql-ha@16.3.4",
    ];
    const said = await program(argv, { "pg.yaml": stringify(FILE) }, { stand });
    expect([said.code, said.stdout]).toEqual([
      0,
      "db/pg revision 4 (postgresql-ha 16.3.4): runs as pg.yaml say\n",
    ]);
  });

  test("finds what the next upgrade would lose: a password once given by --set", async () => {
    const file = without(FILE, "pgpool", "srCheckPassword");
    const { code, found, messages } = await drift(file, [release(FILE)]);
    expect(code).toBe(11);
    expect(found).toEqual([
      "live-only pgpool.srCheckPassword",
      "secret-unversioned pgpool.srCheckPassword",
    ]);
    expect(messages).toContain("the next helm upgrade with the files loses it");
  });

  test("finds what was never applied and what changed; shows numbers, never a text that may be a secret", async () => {
    const live = {
      ...FILE,
      pgpool: { replicaCount: 1, adminPassword: "sEcret-other", user: "sEcret" },
    };
    const { found, messages } = await drift(FILE, [release(live)]);
    expect(found).toEqual([
      "changed pgpool.replicaCount",
      "changed pgpool.adminPassword",
      "file-only pgpool.srCheckPassword",
      "live-only pgpool.user",
    ]);
    expect(messages).toContain("the files say 2, the release has 1");
    expect(messages).toContain("files and release differ");
  });

  test("takes no values at all for none, as helm prints null", async () => {
    const { found } = await drift({ pgpool: { replicaCount: 2 } }, [release(null)], {
      secrets: SECRETS,
    });
    expect(found[0]).toBe("file-only pgpool.replicaCount");
  });

  test("finds a Secret that holds another password than the file: the file changes nothing then", async () => {
    const secrets = {
      ...SECRETS,
      "pg-postgresql-ha-pgpool": {
        "admin-password": "sEcret-three",
        "sr-check-password": "sEcret-xx",
      },
    };
    const { found, messages } = await drift(FILE, [release(FILE)], { secrets });
    expect(found).toEqual(["secret-differs pgpool.srCheckPassword"]);
    expect(messages).toContain("pg.yaml:");
  });

  test("finds Secrets and keys that are missing, of the chart and of existingSecret values", async () => {
    const { "pg-postgresql-ha-pgpool": _, ...rest } = SECRETS;
    expect((await drift(FILE, [release(FILE)], { secrets: rest })).found).toEqual([
      "secret-missing",
    ]);
    const existing = { ...FILE, pgpool: { replicaCount: 2, existingSecret: "own" } };
    const secrets = { ...rest, own: { "pgpool-password": "sEcret-three", "admin-password": "x" } };
    expect((await drift(existing, [release(existing)], { secrets })).found).toEqual([
      "secret-key-missing pgpool.existingSecret",
      "secret-wrong-key pgpool.existingSecret",
    ]);
    const gone = { ...FILE, pgpool: { replicaCount: 2, existingSecret: "gone" } };
    expect((await drift(gone, [release(gone)], { secrets: rest })).found).toEqual([
      "secret-missing pgpool.existingSecret",
    ]);
  });

  test("looks for existing Secrets of charts that it has no rules for", async () => {
    const chart = { name: "shop", version: "1.0.0" };
    const file: JsonMap = {
      mail: { existingSecret: "mail" },
      deep: [{ existingSecretName: "there" }],
    };
    const secrets = { there: { a: "b" } };
    const { found } = await drift(file, [release(file, { chart })], { secrets });
    expect(found).toEqual(["secret-missing mail.existingSecret"]);
  });

  test("finds another chart version than the pinned one, and a release that is not there", async () => {
    const flags = ["--chart", "postgresql-ha@16.3.5"];
    const { found, messages } = await drift(FILE, [release(FILE)], { flags });
    expect(found).toEqual(["chart"]);
    expect(messages).toContain("runs postgresql-ha 16.3.4, and postgresql-ha 16.3.5 is pinned");
    expect((await drift(FILE, [])).found).toEqual(["release-missing"]);
  });

  test("looks at the newest revision, whatever the order", async () => {
    const old = release({ a: 1 }, { revision: 9 });
    const newer = release(FILE, { revision: 10 });
    expect((await drift(FILE, [newer, old])).found).toEqual([]);
    expect((await drift(FILE, [old, newer])).found).toEqual([]);
  });

  test("reads a list of releases, with Secrets of one's own in it", async () => {
    const list = stringify({
      schema: "railiance.ha-releases/1",
      releases: [
        {
          release: "db/pg",
          chart: "shop@1.0.0",
          values: ["pg.yaml"],
          secrets: [
            { name: "login", keys: [{ key: "pw", value: "web.password" }, { key: "more" }] },
          ],
        },
      ],
    });
    const file: JsonMap = { web: { password: "sEcret-one" } };
    const chart = { name: "shop", version: "1.0.0" };
    const run = async (secrets: FakeSecrets): Promise<string[]> => {
      const stand = await cluster([release(file, { chart })], secrets);
      const files = { "pg.yaml": stringify(file), "all.yaml": list };
      const said = await program(["ha", "drift", "--file", "all.yaml", "--json"], files, { stand });
      return v.parse(Result, JSON.parse(said.stdout)).findings.map(({ id }) => id);
    };
    expect(await run({ login: { pw: "sEcret-one", more: "x" } })).toEqual([]);
    expect(await run({ login: { pw: "sEcret-two" } })).toEqual([
      "secret-differs",
      "secret-key-missing",
    ]);
    expect(await run({})).toEqual(["secret-missing"]);
  });

  test("never says a secret, wherever it stands", async () => {
    // Under innocent names, in lists, in keys' neighbours, in texts of several lines, changed, lost or added.
    const secrets = [
      "Zq7-alpha",
      "Zq7-beta\nsecond",
      "Zq7-gamma",
      "Zq7-delta",
      "Zq7-epsilon",
      "Zq7-zeta",
    ];
    const [alpha = "", beta = "", gamma = "", delta = "", epsilon = "", zeta = ""] = secrets;
    const file: JsonMap = {
      env: [{ name: "A", value: alpha }],
      note: beta,
      pgpool: { adminPassword: gamma, customUsers: { usernames: gamma } },
      image: { tag: "1" },
    };
    const live: JsonMap = {
      env: [{ name: "A", value: delta }, epsilon],
      note: `${beta}x`,
      pgpool: { adminPassword: delta },
      image: { tag: "2" },
      more: { deep: zeta },
    };
    const found = {
      "pg-postgresql-ha-pgpool": { "admin-password": epsilon, "sr-check-password": zeta },
    };
    for (const flags of [[], ["--json"]]) {
      const stand = await cluster([release(live)], found);
      const argv = ["ha", "drift", "--release", "db/pg", "-f", "pg.yaml", ...flags];
      const said = await program(argv, { "pg.yaml": stringify(file) }, { stand, secrets });
      expect(said.code).toBe(11);
      expect(said.all).toContain("more.deep");
      expect(said.all).toMatch(/the files say .{0,2}"1.{0,2}", the release has .{0,2}"2/);
      const lint = ["ha", "lint", "--chart", "postgresql-ha@16.3.4", "-f", "pg.yaml", ...flags];
      const linted = await program(
        lint,
        { "pg.yaml": stringify({ ...file, note: beta }) },
        { secrets },
      );
      expect(linted.code).toBe(11);
    }
  });

  test("says in one sentence what is wrong with its input, and quotes none of it", async () => {
    const bad = "pgpool:\n  adminPassword: sEcret: [\n";
    const list = (text: string): Record<string, string> => ({ "pg.yaml": "{}", "all.yaml": text });
    const rows: [string[], Record<string, string>, number, string][] = [
      [["--release", "db/pg", "-f", "pg.yaml"], { "pg.yaml": bad }, 2, "pg.yaml:2 is not YAML"],
      [["--release", "db/pg", "-f", "none.yaml"], {}, 9, "there is no file none.yaml"],
      [["--release", "pg", "-f", "pg.yaml"], { "pg.yaml": "{}" }, 2, "pg is no release"],
      [["--release", "db/pg"], {}, 2, "--release needs --values"],
      [["-f", "pg.yaml"], {}, 2, "--values needs --release"],
      [[], {}, 9, "there is no file ha/releases.yaml"],
      [["--file", "all.yaml"], list("sEcret"), 2, "all.yaml does not list releases"],
      [
        ["--file", "all.yaml"],
        list("schema: railiance.ha-releases/1\nreleases: [{release: sEcret}]"),
        2,
        "releases.0.values",
      ],
    ];
    for (const [flags, files, code, says] of rows) {
      const said = await program(["ha", "drift", ...flags], files);
      expect([flags, said.code]).toEqual([flags, code]);
      expect(said.stdout).toBe("");
      expect(said.stderr).toContain(says);
      expect(said.stderr.match(/^error: /gm)).toHaveLength(1);
    }
  });

  test("says that there is no k3s on this machine, and what to do instead", async () => {
    const stand = await cluster([release(FILE)], SECRETS);
    const { rmSync } = await import("node:fs");
    rmSync(join(stand.folder, "bin/k3s"));
    const argv = ["ha", "drift", "--release", "db/pg", "-f", "pg.yaml"];
    const said = await program(argv, { "pg.yaml": "{}" }, { stand });
    expect(said.code).toBe(5);
    expect(said.stderr).toContain("there is no k3s on this machine");
    expect(said.stderr).toContain("--archive");
  });
});
