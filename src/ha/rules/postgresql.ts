/** Bitnami postgresql: one primary, read replicas, and nobody who promotes them. */
import { apart, budget, image, mirror } from "./bitnami.ts";
import type { ChartRulesInput, RuleInput } from "../rule-schema.ts";

type SecretInput = NonNullable<ChartRulesInput["sets"][number]["secrets"]>[number];

const REPLICATION = [{ path: "architecture", default: "standalone", is: ["replication"] }];
const USERNAME = ["global.postgresql.auth.username", "auth.username"];
const ADMIN_VALUES = ["global.postgresql.auth.postgresPassword", "auth.postgresPassword"];

const RULES: readonly RuleInput[] = [
  {
    id: "no-failover",
    check: "oneOf",
    severity: "warning",
    path: "architecture",
    values: ["replication"],
    default: "standalone",
    says: "there is a single PostgreSQL, and this chart promotes no replica even with replication: its node going down is an outage",
    hint: "use the chart postgresql-ha, or put architecture: replication and write down who promotes a replica, and how",
  },
  {
    id: "replicas",
    check: "minimum",
    path: "readReplicas.replicaCount",
    min: 2,
    default: 1,
    when: REPLICATION,
    says: "there is one read replica: while it is promoted or rebuilt nothing is redundant",
    hint: "put readReplicas.replicaCount: 2",
  },
  { ...apart("replicas", "readReplicas", "the read replicas"), when: REPLICATION },
  {
    // primary/statefulset.yaml and read/statefulset.yaml: each preset has its own component in its selector.
    id: "primary.anti-affinity",
    check: "given",
    severity: "warning",
    anyOf: [
      "primary.affinity",
      "readReplicas.affinity",
      "primary.topologySpreadConstraints",
      "readReplicas.topologySpreadConstraints",
    ],
    when: REPLICATION,
    says: "the primary and a read replica may share one node: the presets keep only replicas from replicas, and there is one primary",
    hint: "put primary.affinity with a required podAntiAffinity by kubernetes.io/hostname on the label app.kubernetes.io/instance of the release",
  },
  {
    ...budget("replicas", "readReplicas.pdb", "the read replicas"),
    when: REPLICATION,
    versions: ">=15.5",
  },
  {
    id: "replicas.own-budget",
    check: "given",
    severity: "warning",
    anyOf: ["extraDeploy"],
    when: REPLICATION,
    versions: "<15.5",
    says: "this chart makes no pod disruption budget before 15.5.0: a drain may evict all read replicas at once",
    hint: "put a PodDisruptionBudget for them into extraDeploy, or upgrade the chart",
  },
  ...image("postgresql", { at: "image", repository: "bitnami/postgresql" }),
  mirror("image", ">=16.3"),
  {
    // `replication` itself is a map of this version too (synchronousCommit, numSynchronousReplicas, applicationName).
    id: "old-names",
    check: "notGiven",
    paths: [
      "postgresqlPassword",
      "postgresqlPostgresPassword",
      "postgresqlUsername",
      "postgresqlDatabase",
      "replication.enabled",
      "replication.user",
      "replication.password",
      "replication.slaveReplicas",
      "replication.readReplicas",
      "existingSecret",
      "global.postgresql.postgresqlPassword",
      "global.postgresql.replicationPassword",
      "global.postgresql.existingSecret",
    ],
    says: "this is a name of charts before 11: this version ignores it, and makes up a password instead",
    hint: 'move it to auth.* and architecture (README of the chart, "To 11.0.0")',
  },
];

export const POSTGRESQL: ChartRulesInput = {
  schema: "railiance.ha-rules/1",
  chart: "postgresql",
  sets: [
    {
      versions: ">=16 <17",
      source:
        "bitnami/charts postgresql 16: templates/_helpers.tpl, secrets.yaml, read/pdb.yaml, CHANGELOG.md (16.3.0, 15.5.0); facts/operations.md 5.3",
      rules: [...RULES],
      // Without a user of its own, the user's password is the administrator's.
      secrets: [auth(["global.postgresql.auth.password", "auth.password"])],
    },
    {
      versions: ">=12 <16",
      source:
        "bitnami/charts postgresql: 14 values.yaml and primary/statefulset.yaml (commit 0068ed9d), secrets.yaml (7aee34e4), CHANGELOG.md to 15.5; issues 8900 and 15493 for 11 and 12",
      rules: [...RULES],
      secrets: [auth([])],
    },
  ],
};

/** `alsoAdmin`: values that are the administrator's password too when no other user is named. */
function auth(alsoAdmin: readonly string[]): SecretInput {
  const admin = {
    key: "postgres-password",
    keyFrom: keyPaths("adminPasswordKey"),
    says: "the password of the user postgres is in no values file: only the Secret in the cluster knows it",
  };
  const enabled = { path: "auth.enablePostgresUser", default: true, is: [true] };
  return {
    id: "auth",
    existing: ["global.postgresql.auth.existingSecret", "auth.existingSecret"],
    name: "{fullname}",
    keys: [
      {
        ...admin,
        values: ADMIN_VALUES,
        when: [enabled, { path: USERNAME, default: "", isNot: ["", "postgres"] }],
      },
      {
        ...admin,
        values: [...alsoAdmin, ...ADMIN_VALUES],
        when: [enabled, { path: USERNAME, default: "", is: ["", "postgres"] }],
      },
      {
        key: "password",
        keyFrom: keyPaths("userPasswordKey"),
        values: ["global.postgresql.auth.password", "auth.password"],
        when: [{ path: USERNAME, default: "", isNot: ["", "postgres"] }],
        says: "the password of auth.username is in no values file: only the Secret in the cluster knows it",
      },
      {
        key: "replication-password",
        keyFrom: keyPaths("replicationPasswordKey"),
        values: ["auth.replicationPassword"],
        when: REPLICATION,
        says: "the replication password is in no values file: with another one the replicas cannot follow",
      },
    ],
  };
}

function keyPaths(name: string): string[] {
  return [`global.postgresql.auth.secretKeys.${name}`, `auth.secretKeys.${name}`];
}
