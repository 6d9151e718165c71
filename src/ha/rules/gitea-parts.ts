/** What Gitea's chart brings beside Gitea: the memory that replicas share, and databases with passwords in public. */
import type { RuleInput } from "../rule-schema.ts";

type Conditions = NonNullable<RuleInput["when"]>;

const off = (path: string, byDefault: boolean): Conditions[number] => ({
  path,
  default: byDefault,
  is: [false],
});

/** Neither of the two the chart can bring; then it falls back to what lives in one pod alone. */
const NO_VALKEY: Conditions = [off("valkey-cluster.enabled", true), off("valkey.enabled", false)];
const NO_REDIS: Conditions = [off("redis-cluster.enabled", true), off("redis.enabled", false)];

/** Sessions, cache and queue, for charts with Valkey (12) and with Redis (before). */
export const SHARED: readonly RuleInput[] = [
  ...shared("session", "session.PROVIDER", "memory", {
    says: "every replica has sessions of its own: who is sent to another one is logged out",
    hint: "put gitea.config.session.PROVIDER: redis with PROVIDER_CONFIG, or switch the chart's own on",
  }),
  ...shared("cache", "cache.ADAPTER", "memory", {
    says: "every replica has a cache of its own, and they do not know of each other's changes",
    hint: "put gitea.config.cache.ADAPTER: redis with HOST, or switch the chart's own on",
  }),
  ...shared("queue", "queue.TYPE", "level", {
    says: "the queue is a file or the memory of one replica: the others cannot take work from it",
    hint: "put gitea.config.queue.TYPE: redis with CONN_STR, or switch the chart's own on",
  }),
];

function shared(
  id: string,
  path: string,
  fallback: string,
  texts: { readonly says: string; readonly hint: string },
): RuleInput[] {
  const rule: RuleInput = {
    id,
    check: "noneOf",
    path: `gitea.config.${path}`,
    values: [fallback],
    default: fallback,
    ...texts,
  };
  return [
    { ...rule, when: NO_VALKEY, versions: ">=12" },
    { ...rule, when: NO_REDIS, versions: "<12" },
  ];
}

export const DATABASE: readonly RuleInput[] = [
  {
    id: "database.single",
    check: "noneOf",
    path: "postgresql.enabled",
    values: [true],
    default: false,
    says: "the database is the chart's single PostgreSQL: its node going down is an outage",
    hint: "use postgresql-ha, or a database outside with postgresql.enabled: false",
  },
  {
    id: "database.file",
    check: "noneOf",
    path: "gitea.config.database.DB_TYPE",
    values: ["sqlite3"],
    says: "the database is SQLite, a file of one process: a second replica cannot use it",
    hint: "put gitea.config.database.DB_TYPE: postgres and HOST, or switch postgresql-ha on",
  },
];

/** The chart's own database, with a Secret that the chart makes. */
function madeBy(section: string): Conditions {
  const secrets = [
    `postgresql-ha.global.${section}.existingSecret`,
    `postgresql-ha.${section}.existingSecret`,
  ];
  return [
    { path: "postgresql-ha.enabled", default: true, is: [true] },
    { path: secrets, given: false },
  ];
}

/** Passwords of the database that stand in the chart's own values (README of 12, "PostgreSQL HA"). */
export const PUBLISHED: readonly RuleInput[] = [
  published("password", "global.postgresql.password", "gitea"),
  published("repmgr-password", "postgresql.repmgrPassword", "changeme2"),
  published("postgres-password", "postgresql.postgresPassword", "changeme1"),
  published("pgpool-admin-password", "pgpool.adminPassword", "changeme3"),
  published("sr-check-password", "pgpool.srCheckPassword", "changeme4"),
];

function published(id: string, name: string, value: string): RuleInput {
  const path = `postgresql-ha.${name}`;
  return {
    id: `database.${id}`,
    check: "noneOf",
    path,
    values: [value],
    default: value,
    versions: ">=12",
    when: madeBy(name.includes("pgpool") ? "pgpool" : "postgresql"),
    says: `${path} is the password that is printed in the chart's own values`,
    hint: `put ${path} into an encrypted values file`,
  };
}
