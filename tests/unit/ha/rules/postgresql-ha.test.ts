/** The rules for Bitnami's postgresql-ha. */
import { describe, expect, test } from "bun:test";
import { stringify } from "yaml";
import { APART, expectFound, lint, set, testRules, valuesFile } from "./support.ts";
import type { Row } from "./support.ts";
import type { JsonMap } from "../support.ts";

const PIN = "postgresql-ha@16.3.4";
const GOOD = valuesFile("postgresql-ha");
const BEFORE_16 = set(GOOD, "pgpool.srCheckPassword", undefined);

const COMMON: readonly Row[] = [
  ["postgresql.replicas", ["postgresql.replicaCount", 2]],
  ["postgresql.replicas", ["postgresql.replicaCount", undefined]],
  ["pgpool.replicas", ["pgpool.replicaCount", undefined]],
  ["postgresql.anti-affinity", ["postgresql.podAntiAffinityPreset", "soft"]],
  ["pgpool.anti-affinity", ["pgpool.podAntiAffinityPreset", undefined]],
  // The preset is ignored once an affinity is given, whatever it says.
  ["pgpool.anti-affinity", ["pgpool.affinity", { nodeAffinity: {} }]],
  ["postgresql.budget", ["postgresql.pdb.create", false]],
  ["pgpool.budget", ["pgpool.pdb", undefined]],
  ["postgresql.image", ["postgresql.image.tag", "latest"]],
  ["pgpool.image", ["pgpool.image.tag", undefined]],
  ["postgresql.image-moved", ["postgresql.image.registry", "docker.io"]],
  ["pgpool.image-moved", ["pgpool.image.registry", "docker.io"]],
  ["old-images", ["pgpoolImage.tag", "4"]],
  ["pgpool.admin-password", ["pgpool.adminPassword", ""]],
  ["postgresql.password", ["postgresql.password", null]],
  ["postgresql.repmgr-password", ["postgresql.repmgrPassword", undefined]],
];

function secret(keys: JsonMap): string {
  return stringify({ apiVersion: "v1", kind: "Secret", metadata: { name: "pg-pool" }, data: keys });
}

describe("postgresql-ha", () => {
  testRules(PIN, GOOD, [
    ...COMMON,
    ["mirror-refused", ["global.security", undefined]],
    ["pgpool.wrong-name", ["pgpool.pgpoolPassword", "x"]],
    ["pgpool.sr-check-password", ["pgpool.srCheckPassword", undefined]],
    ["postgresql.postgres-password", ["postgresql.username", "shop"]],
    ["postgresql.postgres-password", ["global.postgresql.username", "shop"]],
  ]);

  const early: Row = ["sr-check-too-early", ["pgpool.srCheckPassword", "x"]];
  testRules("postgresql-ha@12.0.1", BEFORE_16, [...COMMON, early]);
  testRules("postgresql-ha@9.4.11", BEFORE_16, [...COMMON, early]);

  test("catch the incident: pgpool without the password of its streaming check, since half a year", () => {
    expectFound(PIN, BEFORE_16, ["pgpool.sr-check-password"]);
    expectFound(PIN, set(BEFORE_16, "global.pgpool.srCheckPassword", "x"), []);
  });

  test("know that pgpool-password is no key of a Secret", () => {
    const json = set(BEFORE_16, "pgpool.existingSecret", "pg-pool");
    const wrong = secret({ "pgpool-password": "eA==" });
    expect(lint(PIN, json, wrong)).toEqual([
      "postgresql-ha/pgpool.existing-secret",
      "postgresql-ha/pgpool.existing-secret",
      "postgresql-ha/pgpool.wrong-key",
    ]);
    const right = secret({ "admin-password": "eA==", "sr-check-password": "eA==" });
    expect(lint(PIN, json, right)).toEqual([]);
    // The same Secret deployed by the chart itself, also as a template in a text.
    expect(lint(PIN, set(json, "extraDeploy", [right]))).toEqual([]);
    const missing = secret({ "admin-password": "eA==" });
    expect(lint(PIN, set(json, "extraDeploy", [missing]))).toEqual([
      "postgresql-ha/pgpool.existing-secret",
    ]);
    // Before 16 the streaming check had no password of its own.
    expect(lint("postgresql-ha@15.3.0", json, missing)).toEqual([]);
  });

  test("know the keys of PostgreSQL's Secret, of 11 and later", () => {
    const json = set(
      set(BEFORE_16, "postgresql.existingSecret", "pg-pool"),
      "postgresql.username",
      "shop",
    );
    const old = secret({ "postgresql-password": "eA==", "repmgr-password": "eA==" });
    expect(lint("postgresql-ha@14.2.7", json, old)).toEqual([
      "postgresql-ha/postgresql.existing-secret",
      "postgresql-ha/postgresql.existing-secret",
      "postgresql-ha/postgresql.wrong-key",
    ]);
    const right = { password: "eA==", "postgres-password": "eA==", "repmgr-password": "eA==" };
    expect(lint("postgresql-ha@14.2.7", json, secret(right))).toEqual([]);
    // Before that the keys had other names, and changed within 10.0: they are not judged.
    expect(lint("postgresql-ha@10.0.4", json, old)).toEqual([]);
  });

  test("accept other ways of keeping pods apart and images pinned", () => {
    const spread = [
      { maxSkew: 1, topologyKey: "kubernetes.io/hostname", whenUnsatisfiable: "DoNotSchedule" },
    ];
    const soft = [{ ...spread[0], whenUnsatisfiable: "ScheduleAnyway" }];
    const without = set(GOOD, "pgpool.podAntiAffinityPreset", undefined);
    expectFound(PIN, set(without, "pgpool.topologySpreadConstraints", spread), []);
    expectFound(PIN, set(without, "pgpool.topologySpreadConstraints", soft), [
      "pgpool.anti-affinity",
    ]);
    expectFound(PIN, set(without, "pgpool.affinity", APART), []);
    const digest = set(set(GOOD, "pgpool.image.tag", undefined), "pgpool.image.digest", "sha256:x");
    expectFound(PIN, digest, []);
    const global = set(
      set(GOOD, "pgpool.image.registry", undefined),
      "global.imageRegistry",
      "registry.example",
    );
    expectFound(PIN, global, []);
  });
});
