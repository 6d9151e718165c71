/** Bitnami postgresql: one primary, read replicas, and nobody who promotes them. */
import { apart, budget, image } from "./bitnami.ts";
import type { ChartRulesInput } from "../rule-schema.ts";

const REPLICATION = [{ path: "architecture", default: "standalone", is: ["replication"] }];

export const POSTGRESQL: ChartRulesInput = {
  schema: "railiance.ha-rules/1",
  chart: "postgresql",
  sets: [
    {
      versions: ">=12 <17",
      source:
        "bitnami/charts postgresql templates/secrets.yaml and values.yaml; facts/operations.md 5.3",
      rules: [
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
        { ...apart("primary", "primary", "primary and replicas"), when: REPLICATION },
        { ...apart("replicas", "readReplicas", "the read replicas"), when: REPLICATION },
        { ...budget("replicas", "readReplicas.pdb", "the read replicas"), when: REPLICATION },
        ...image("postgresql", { at: "image", repository: "bitnami/postgresql" }),
        {
          id: "old-names",
          check: "notGiven",
          paths: [
            "postgresqlPassword",
            "postgresqlPostgresPassword",
            "postgresqlUsername",
            "replication",
            "existingSecret",
            "global.postgresql.postgresqlPassword",
            "global.postgresql.existingSecret",
          ],
          says: "this is a name of charts before 11: this version ignores it, and makes up a password instead",
          hint: 'move it to auth.* and architecture (README of the chart, "To 11.0.0")',
        },
      ],
      secrets: [
        {
          id: "auth",
          existing: ["global.postgresql.auth.existingSecret", "auth.existingSecret"],
          name: "{fullname}",
          keys: [
            {
              key: "postgres-password",
              keyFrom: "auth.secretKeys.adminPasswordKey",
              values: ["global.postgresql.auth.postgresPassword", "auth.postgresPassword"],
              when: [{ path: "auth.enablePostgresUser", default: true, is: [true] }],
              says: "the password of the user postgres is in no values file: only the Secret in the cluster knows it",
            },
            {
              key: "password",
              keyFrom: "auth.secretKeys.userPasswordKey",
              values: ["global.postgresql.auth.password", "auth.password"],
              when: [{ path: "auth.username", default: "", isNot: ["", "postgres"] }],
              says: "the password of auth.username is in no values file: only the Secret in the cluster knows it",
            },
            {
              key: "replication-password",
              keyFrom: "auth.secretKeys.replicationPasswordKey",
              values: ["auth.replicationPassword"],
              when: REPLICATION,
              says: "the replication password is in no values file: with another one the replicas cannot follow",
            },
          ],
        },
      ],
    },
  ],
};
