/** The rules for Bitnami's postgresql. */
import { describe, expect, test } from "bun:test";
import { stringify } from "yaml";
import { expectFound, lint, set, testRules, valuesFile } from "./support.ts";
import type { Row } from "./support.ts";

const GOOD = valuesFile("postgresql");
const ROWS: readonly Row[] = [
  ["replicas", ["readReplicas.replicaCount", 1]],
  ["replicas", ["readReplicas.replicaCount", undefined]],
  ["primary.anti-affinity", ["primary.affinity", undefined]],
  // The preset is about other primaries, of which there is none.
  [
    "primary.anti-affinity",
    ["primary.affinity", undefined],
    ["primary.podAntiAffinityPreset", "hard"],
  ],
  ["replicas.anti-affinity", ["readReplicas.podAntiAffinityPreset", "soft"]],
  ["postgresql.image", ["image.tag", undefined]],
  ["postgresql.image-moved", ["image.registry", "docker.io"]],
  ["old-names", ["postgresqlPassword", "x"]],
  ["old-names", ["replication.enabled", true]],
  ["auth.postgres-password", ["auth.postgresPassword", undefined]],
  ["auth.password", ["auth.password", undefined]],
  ["auth.replication-password", ["auth.replicationPassword", undefined]],
  ["no-failover", ["architecture", "standalone"]],
];

describe("postgresql", () => {
  testRules("postgresql@16.7.4", GOOD, [
    ...ROWS,
    ["replicas.budget", ["readReplicas.pdb", undefined]],
    ["mirror-refused", ["global.security.allowInsecureImages", undefined]],
  ]);

  const before = set(GOOD, "extraDeploy", [{ kind: "PodDisruptionBudget" }]);
  testRules("postgresql@14.1.0", before, [
    ...ROWS,
    ["replicas.own-budget", ["extraDeploy", undefined]],
  ]);

  test("synchronous replication is no name of an old chart", () => {
    expect(GOOD["replication"]).toEqual({ synchronousCommit: "on", numSynchronousReplicas: 1 });
    expectFound("postgresql@12.2.0", before, []);
  });

  test("the chart's own budget is there since 15.5, and a mirror is refused since 16.3", () => {
    expectFound("postgresql@15.4.2", GOOD, ["replicas.own-budget"]);
    expectFound("postgresql@15.5.0", GOOD, []);
    const careless = set(GOOD, "global", undefined);
    expectFound("postgresql@16.2.5", careless, []);
    expectFound("postgresql@16.3.0", careless, ["mirror-refused"]);
  });

  test("without another user auth.password is the administrator's, in 16", () => {
    const one = set(set(GOOD, "auth.username", undefined), "auth.postgresPassword", undefined);
    expectFound("postgresql@16.7.4", one, []);
    expectFound("postgresql@14.1.0", { ...one, extraDeploy: ["x"] }, ["auth.postgres-password"]);
    // With another user it is that one's alone; the name may be a global one.
    const two = set(one, "global.postgresql.auth.username", "shop");
    expectFound("postgresql@16.7.4", two, ["auth.postgres-password"]);
  });

  test("keys of an existing Secret may have other names, globally or here", () => {
    const json = set(GOOD, "auth", { username: "shop", existingSecret: "pg" });
    const secret = (...keys: string[]): string =>
      stringify({
        kind: "Secret",
        metadata: { name: "pg" },
        stringData: Object.fromEntries(keys.map((key) => [key, "x"])),
      });
    const usual = secret("postgres-password", "password", "replication-password");
    expect(lint("postgresql@16.7.4", json, usual)).toEqual([]);
    const renamed = set(
      set(json, "auth.secretKeys.adminPasswordKey", "admin"),
      "global.postgresql.auth.secretKeys.adminPasswordKey",
      "root",
    );
    const found = lint("postgresql@16.7.4", renamed, usual);
    expect(found).toEqual(["postgresql/auth.existing-secret"]);
    const right = secret("root", "password", "replication-password");
    expect(lint("postgresql@16.7.4", renamed, right)).toEqual([]);
  });
});
