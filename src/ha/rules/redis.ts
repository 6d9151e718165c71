/** Bitnami redis: replication with Sentinel. */
import { apart, budget, image, mirror } from "./bitnami.ts";
import type { ChartRulesInput } from "../rule-schema.ts";

const SENTINEL = [{ path: "sentinel.enabled", default: false, is: [true] }];

export const REDIS: ChartRulesInput = {
  schema: "railiance.ha-rules/1",
  chart: "redis",
  sets: [
    {
      versions: ">=17 <22",
      source:
        "bitnami/charts redis: 17 values.yaml (commit 009bff74) and secret.yaml, 20.6.0 templates/sentinel/pdb.yaml (7587d195), 21 templates/_helpers.tpl (03d72508), CHANGELOG.md (19.5.0, 20.5.0); facts/operations.md 5.2",
      rules: [
        {
          id: "architecture",
          check: "oneOf",
          path: "architecture",
          values: ["replication"],
          default: "replication",
          says: "there is a single Redis: its node going down is an outage",
          hint: "put architecture: replication and sentinel.enabled: true",
        },
        {
          id: "sentinel",
          check: "oneOf",
          path: "sentinel.enabled",
          values: [true],
          default: false,
          says: "Sentinel is off (the chart's default): nobody promotes a replica when the master dies",
          hint: "put sentinel.enabled: true",
        },
        {
          id: "replicas",
          check: "minimum",
          path: "replica.replicaCount",
          min: 3,
          says: "fewer than three Redis nodes are written down: the Sentinels beside them have no majority once one is gone",
          hint: "put replica.replicaCount: 3",
        },
        {
          id: "autoscaling",
          check: "minimum",
          path: "replica.autoscaling.minReplicas",
          min: 3,
          default: 1,
          when: [{ path: "replica.autoscaling.enabled", default: false, is: [true] }],
          says: "autoscaling may go below three Redis nodes: the Sentinels beside them have no majority once one is gone",
          hint: "put replica.autoscaling.minReplicas: 3",
        },
        {
          id: "quorum",
          check: "minimum",
          path: "sentinel.quorum",
          min: 2,
          default: 2,
          when: SENTINEL,
          says: "one Sentinel alone may declare the master dead: a master that only it does not see is failed over",
          hint: "put sentinel.quorum: 2 (the majority of three)",
        },
        apart("replica", "replica", "the Redis pods"),
        // One budget for all until 19.5.0 (bitnami/charts 26355), which has one for each kind of pod.
        { ...budget("redis", "pdb", "Redis"), versions: "<19.5" },
        { ...budget("replica", "replica.pdb", "Redis"), versions: ">=19.5" },
        {
          // 20.6.0 templates/sentinel/pdb.yaml: coalesce .Values.pdb .Values.replica.pdb; others read replica.pdb alone.
          id: "old-budget",
          check: "notGiven",
          paths: ["pdb"],
          versions: ">=19.5",
          says: "pdb is the name of charts before 19.5: some later ones ignore it, in others it wins over replica.pdb",
          hint: "move it to replica.pdb and master.pdb",
        },
        ...image("redis", { at: "image", repository: "bitnami/redis" }),
        ...image("sentinel", { at: "sentinel.image", repository: "bitnami/redis-sentinel" }).map(
          (rule) => ({ ...rule, when: [...SENTINEL, ...(rule.when ?? [])] }),
        ),
        mirror("image", ">=20.5"),
        {
          id: "old-names",
          check: "notGiven",
          paths: [
            "cluster",
            "password",
            "existingSecret",
            "existingSecretPasswordKey",
            "usePassword",
            "usePasswordFile",
            "slave",
            "sentinel.usePassword",
            "podDisruptionBudget",
          ],
          says: "this is a name of charts before 14: this version ignores it, and makes up a password where one was meant",
          hint: "move it to auth.*, architecture, replica.* or the budget of this version",
        },
      ],
      secrets: [
        {
          id: "auth",
          existing: ["auth.existingSecret"],
          name: "{fullname}",
          when: [{ path: "auth.enabled", default: true, is: [true] }],
          keys: [
            {
              key: "redis-password",
              keyFrom: "auth.existingSecretPasswordKey",
              values: ["global.redis.password", "auth.password"],
              says: "the Redis password is in no values file: once the Secret is gone, an upgrade makes another one and no client gets in",
            },
          ],
        },
      ],
    },
  ],
};
