/** What is special to Bitnami postgresql-ha before 16: the Secrets of 11 to 15, and the passwords of 9 and 10. */
import type { ChartRulesInput, RuleInput } from "../rule-schema.ts";

type SecretInput = NonNullable<ChartRulesInput["sets"][number]["secrets"]>[number];

export const PGPOOL_SECRET_BEFORE_16: SecretInput = {
  id: "pgpool",
  existing: ["global.pgpool.existingSecret", "pgpool.existingSecret"],
  name: "{fullname}-pgpool",
  keys: [
    {
      key: "admin-password",
      values: ["global.pgpool.adminPassword", "pgpool.adminPassword"],
      says: "the password of pgpool's administrator is in no values file: the chart makes one up",
    },
  ],
  wrongKeys: [
    {
      key: "pgpool-password",
      says: "has a key pgpool-password that nothing reads: pgpool reads admin-password here and password in PostgreSQL's Secret",
      hint: "rename it to admin-password",
    },
  ],
};

export const POSTGRESQL_SECRET_BEFORE_16: SecretInput = {
  id: "postgresql",
  existing: ["global.postgresql.existingSecret", "postgresql.existingSecret"],
  name: "{fullname}-postgresql",
  keys: [
    {
      key: "password",
      values: ["global.postgresql.password", "postgresql.password"],
      says: "the PostgreSQL password is in no values file: the chart makes another one up while the data keeps the old",
    },
    {
      key: "repmgr-password",
      values: ["global.postgresql.repmgrPassword", "postgresql.repmgrPassword"],
      says: "the repmgr password is in no values file: with another one the standbys cannot follow, and none can be promoted",
    },
    // Without a value the user postgres simply has no password; an existing Secret has to have it.
    {
      key: "postgres-password",
      values: ["global.postgresql.postgresPassword", "postgresql.postgresPassword"],
      when: [
        {
          path: ["global.postgresql.username", "postgresql.username"],
          default: "postgres",
          isNot: ["postgres"],
        },
      ],
    },
  ],
  wrongKeys: [
    {
      key: "postgresql-password",
      says: "has the key postgresql-password of charts up to 10.0: this version reads password",
      hint: "put the same value under password",
    },
  ],
};

/** The passwords, each in the values or in a Secret that is named. */
export const OLDEST: readonly RuleInput[] = [
  given("pgpool.admin-password", "pgpool", "adminPassword"),
  given("postgresql.password", "postgresql", "password"),
  given("postgresql.repmgr-password", "postgresql", "repmgrPassword"),
];

function given(id: string, section: string, name: string): RuleInput {
  const path = `${section}.${name}`;
  const secret = `${section}.existingSecret`;
  return {
    id,
    check: "given",
    anyOf: [path, `global.${path}`, secret, `global.${secret}`],
    says: `${path} is in no values file: these charts make up another one at every upgrade, while the data keeps the old`,
    hint: `put ${path} into an encrypted values file, or name a Secret in ${secret}`,
  };
}
