/** The rules for Gitea's own chart. */
import { describe, expect, test } from "bun:test";
import { stringify } from "yaml";
import { expectFound, lint, set, testRules, valuesFile } from "./support.ts";
import type { Row } from "./support.ts";

const PIN = "gitea@12.1.0";
const GOOD = valuesFile("gitea");
const ROWS: readonly Row[] = [
  ["replicas", ["replicaCount", 1]],
  ["volume", ["persistence.accessModes", undefined]],
  ["volume", ["persistence.accessModes", ["ReadWriteOnce"]]],
  // An existing claim does not help: the chart looks at the access modes all the same.
  ["volume", ["persistence", { claimName: "git", create: false }]],
  ["indexer", ["gitea.config.indexer.ISSUE_INDEXER_TYPE", "bleve"]],
  ["repo-indexer", ["gitea.config.indexer.REPO_INDEXER_ENABLED", true]],
  ["git-gc", ["gitea.config.cron", { GIT_GC_REPOS: { ENABLED: true } }]],
  ["database.single", ["postgresql.enabled", true]],
  ["database.file", ["gitea.config.database.DB_TYPE", "sqlite3"]],
  ["anti-affinity", ["affinity", undefined]],
  ["image", ["image.tag", "latest-rootless-latest"]],
  ["image", ["image.registry", undefined]],
  ["admin-default", ["gitea.admin", {}]],
  ["old-names", ["persistence.existingClaim", "git"]],
];

const OUTSIDE = [
  ["gitea.config.session.PROVIDER", "redis"],
  ["gitea.config.cache.ADAPTER", "redis"],
  ["gitea.config.queue.TYPE", "redis"],
] as const;

describe("gitea", () => {
  const outside = OUTSIDE.reduce((one, [path, value]) => set(one, path, value), GOOD);
  const without = set(outside, "valkey-cluster.enabled", false);
  testRules(PIN, without, [
    ...ROWS,
    ["session", ["gitea.config.session", undefined]],
    ["cache", ["gitea.config.cache.ADAPTER", "memory"]],
    ["queue", ["gitea.config.queue", undefined]],
    ["budget", ["podDisruptionBudget", {}]],
    ["database.password", ["postgresql-ha.global.postgresql.password", undefined]],
    ["database.repmgr-password", ["postgresql-ha.postgresql.repmgrPassword", "changeme2"]],
    ["database.postgres-password", ["postgresql-ha.postgresql.postgresPassword", undefined]],
    ["database.pgpool-admin-password", ["postgresql-ha.pgpool.adminPassword", undefined]],
    ["database.sr-check-password", ["postgresql-ha.pgpool.srCheckPassword", undefined]],
  ]);

  testRules("gitea@10.4.0", set(without, "redis-cluster.enabled", false), [
    ...ROWS,
    ["session", ["gitea.config.session", undefined]],
    ["cache", ["gitea.config.cache", undefined]],
    ["queue", ["gitea.config.queue", undefined]],
  ]);

  test("the chart's own Valkey is shared memory enough, and so is the Redis of charts before 12", () => {
    expectFound(PIN, GOOD, []);
    expectFound(PIN, set(GOOD, "valkey-cluster.enabled", false), ["session", "cache", "queue"]);
    const single = set(set(GOOD, "valkey-cluster.enabled", false), "valkey.enabled", true);
    expectFound(PIN, single, []);
    expectFound("gitea@11.0.0", set(GOOD, "valkey-cluster", undefined), []);
    const no = set(GOOD, "redis-cluster.enabled", false);
    expectFound("gitea@11.0.0", no, ["session", "cache", "queue"]);
  });

  test("the chart itself keeps the issue index in the database where nothing else is said", () => {
    expectFound(PIN, set(GOOD, "gitea.config.indexer", undefined), []);
  });

  test("a database outside, or one with Secrets of one's own, has no passwords in the chart", () => {
    const database = { DB_TYPE: "postgres", HOST: "db.example:5432" };
    const outside = set(
      set(GOOD, "postgresql-ha", { enabled: false }),
      "gitea.config.database",
      database,
    );
    expectFound(PIN, outside, []);
    const named = { postgresql: { existingSecret: "pg" }, pgpool: { existingSecret: "pg-pool" } };
    expectFound(PIN, set(GOOD, "postgresql-ha", named), []);
  });

  test("an image may be given whole", () => {
    const whole = { fullOverride: "registry.example/gitea/gitea:1.24.3-rootless" };
    expectFound(PIN, set(GOOD, "image", whole), []);
  });

  test("the administrator's Secret has a name and a password", () => {
    const secret = (...keys: string[]): string =>
      stringify({
        kind: "Secret",
        metadata: { name: "gitea-admin" },
        stringData: Object.fromEntries(keys.map((key) => [key, "x"])),
      });
    expect(lint(PIN, GOOD, secret("username", "password"))).toEqual([]);
    expect(lint(PIN, GOOD, secret("password"))).toEqual(["gitea/admin.existing-secret"]);
  });
});
