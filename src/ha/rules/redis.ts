/** Bitnami redis: replication with Sentinel. */
import { apart, budget, image } from "./bitnami.ts";
import type { ChartRulesInput } from "../rule-schema.ts";

const SENTINEL = [{ path: "sentinel.enabled", default: false, is: [true] }];

export const REDIS: ChartRulesInput = {
  schema: "railiance.ha-rules/1",
  chart: "redis",
  sets: [
    {
      versions: ">=17 <22",
      source:
        "bitnami/charts redis templates/_helpers.tpl, secret.yaml, pdb.yaml, sentinel/pdb.yaml and values.yaml; facts/operations.md 5.2",
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
          id: "quorum",
          check: "minimum",
          path: "sentinel.quorum",
          min: 2,
          default: 2,
          when: SENTINEL,
          says: "one Sentinel alone may fail over: a partition then makes two masters",
          hint: "put sentinel.quorum: 2 (the majority of three)",
        },
        apart("replica", "replica", "the Redis pods"),
        // One budget for all until 19.5.0 (bitnami/charts 26355), which has one for each kind of pod.
        { ...budget("redis", "pdb", "Redis"), versions: "<19.5" },
        { ...budget("replica", "replica.pdb", "Redis"), versions: ">=19.5" },
        ...image("redis", { at: "image", repository: "bitnami/redis" }),
        ...image("sentinel", { at: "sentinel.image", repository: "bitnami/redis-sentinel" }).map(
          (rule) => ({ ...rule, when: [...SENTINEL, ...(rule.when ?? [])] }),
        ),
        {
          id: "old-names",
          check: "notGiven",
          paths: [
            "cluster",
            "password",
            "existingSecret",
            "existingSecretPasswordKey",
            "usePassword",
            "slave",
            "global.redis.existingSecret",
          ],
          says: "this is a name of charts before 14: this version ignores it, and makes up a password instead",
          hint: "move it to auth.*, architecture and replica.*",
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
