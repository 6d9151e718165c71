/** Bitnami postgresql-ha: PostgreSQL with repmgr behind pgpool. */
import { apart, budget, image, mirror } from "./bitnami.ts";
import {
  OLDEST,
  POSTGRESQL_SECRET_BEFORE_16,
  PGPOOL_SECRET_BEFORE_16,
} from "./postgresql-ha-old.ts";
import type { ChartRulesInput, RuleInput } from "../rule-schema.ts";

const COMMON: readonly RuleInput[] = [
  {
    id: "postgresql.replicas",
    check: "minimum",
    path: "postgresql.replicaCount",
    min: 3,
    says: "fewer than three PostgreSQL nodes are written down: with two, a partition has no majority",
    hint: "put postgresql.replicaCount: 3",
  },
  {
    id: "pgpool.replicas",
    check: "minimum",
    path: "pgpool.replicaCount",
    min: 2,
    default: 1,
    says: "there is only one pgpool (the chart's default): every connection goes when its node goes",
    hint: "put pgpool.replicaCount: 2",
  },
  apart("postgresql", "postgresql", "the PostgreSQL pods"),
  apart("pgpool", "pgpool", "the pgpool pods"),
  budget("postgresql", "postgresql.pdb", "PostgreSQL"),
  budget("pgpool", "pgpool.pdb", "pgpool"),
  ...image("postgresql", { at: "postgresql.image", repository: "bitnami/postgresql-repmgr" }),
  ...image("pgpool", { at: "pgpool.image", repository: "bitnami/pgpool" }),
  {
    id: "old-images",
    check: "notGiven",
    paths: ["postgresqlImage", "pgpoolImage", "volumePermissionsImage", "metricsImage"],
    says: "this is the name that charts up to 8 had for an image: this version ignores it",
    hint: "move it to postgresql.image, pgpool.image, volumePermissions.image or metrics.image",
  },
];

const TOO_EARLY: RuleInput = {
  id: "sr-check-too-early",
  check: "notGiven",
  severity: "warning",
  paths: ["pgpool.srCheckPassword", "pgpool.srCheckUsername", "global.pgpool.srCheckPassword"],
  says: "this chart does not know the streaming check's own user yet (16.0.0 brought it, before that it was repmgr's): the value does nothing here",
  hint: "before the upgrade to 16 create that role in the database, or set it to repmgr's user and password",
};

export const POSTGRESQL_HA: ChartRulesInput = {
  schema: "railiance.ha-rules/1",
  chart: "postgresql-ha",
  sets: [
    {
      versions: ">=16 <17",
      source:
        'chart 16.3.4, templates and README "To 16.0.0" (facts/operations.md 5.3); bitnami/charts PR 33552 and issue 30850',
      rules: [
        ...COMMON,
        mirror("postgresql.image"),
        {
          id: "pgpool.wrong-name",
          check: "notGiven",
          paths: [
            "pgpool.pgpoolPassword",
            "pgpool.password",
            "pgpool.existingSecretPasswordKey",
            "pgpoolPassword",
            "global.pgpool.password",
          ],
          says: "the chart knows no such value: pgpool-password is a file name inside the pod, mounted from the key password of PostgreSQL's Secret",
          hint: "name the real ones: pgpool.adminPassword, pgpool.srCheckPassword and postgresql.password",
        },
      ],
      secrets: [
        {
          id: "pgpool",
          existing: ["global.pgpool.existingSecret", "pgpool.existingSecret"],
          name: "{fullname}-pgpool",
          keys: [
            {
              key: "admin-password",
              values: ["global.pgpool.adminPassword", "pgpool.adminPassword"],
              says: "the password of pgpool's administrator is in no values file: a render without the cluster (helm template, GitOps) invents one each time",
            },
            {
              key: "sr-check-password",
              values: ["global.pgpool.srCheckPassword", "pgpool.srCheckPassword"],
              says: "the password of pgpool's streaming check is in no values file: the chart invents one, pgpool then finds no primary, and a failover never happens while SELECT 1 still answers",
            },
          ],
          wrongKeys: [
            {
              key: "pgpool-password",
              says: "has a key pgpool-password that nothing reads: it is a file name inside the pod, not a key of the Secret",
              hint: "rename it: admin-password and sr-check-password here, password in PostgreSQL's Secret",
            },
          ],
        },
        {
          id: "postgresql",
          existing: ["global.postgresql.existingSecret", "postgresql.existingSecret"],
          name: "{fullname}-postgresql",
          keys: [
            {
              key: "password",
              values: ["global.postgresql.password", "postgresql.password"],
              says: "the PostgreSQL password is in no values file: once the Secret is gone, an upgrade makes another one while the data keeps the old",
            },
            {
              key: "repmgr-password",
              values: ["global.postgresql.repmgrPassword", "postgresql.repmgrPassword"],
              says: "the repmgr password is in no values file: with another one the standbys cannot follow, and none can be promoted",
            },
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
              says: "the password of the user postgres is in no values file, and postgresql.username is another user",
            },
          ],
          wrongKeys: [
            {
              key: "postgresql-password",
              says: "has the key postgresql-password of charts up to 10.0: this version reads password",
              hint: "put the same value under password",
            },
            {
              key: "pgpool-password",
              says: "has a key pgpool-password that nothing reads: pgpool mounts the key password under that file name",
              hint: "put the value under password",
            },
          ],
        },
      ],
    },
    {
      versions: ">=11 <16",
      source:
        "bitnami/charts postgresql-ha: 14 and 15 templates/postgresql/{statefulset,pdb}.yaml, pgpool/secrets.yaml (commits a00d264f, e459d86e); issue 16396 for 11; PR 33552",
      rules: [...COMMON, TOO_EARLY],
      secrets: [PGPOOL_SECRET_BEFORE_16, POSTGRESQL_SECRET_BEFORE_16],
    },
    {
      versions: ">=9 <11",
      source:
        "bitnami/charts postgresql-ha templates/_helpers.tpl and postgresql/secrets.yaml (commit 00d62f87): empty passwords become randAlphaNum at every upgrade; the keys of the Secret changed at 10.0.6 (issue 13800), so they are not compared",
      rules: [...COMMON, ...OLDEST, TOO_EARLY],
    },
  ],
};
