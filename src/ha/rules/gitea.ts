/** Gitea's own chart. */
import type { ChartRulesInput } from "../rule-schema.ts";

const SEVERAL = [{ path: "replicaCount", default: 1, isNot: [0, 1] }];

export const GITEA: ChartRulesInput = {
  schema: "railiance.ha-rules/1",
  chart: "gitea",
  sets: [
    {
      versions: ">=9 <13",
      source: 'helm-gitea README "High Availability" and values.yaml',
      rules: [
        {
          id: "replicas",
          check: "minimum",
          path: "replicaCount",
          min: 2,
          default: 1,
          says: "there is only one Gitea (the chart's default): its node going down is an outage",
          hint: "put replicaCount: 2 with a volume that several pods may write to",
        },
        {
          id: "volume",
          check: "given",
          anyOf: ["persistence.accessModes", "persistence.claimName", "persistence.existingClaim"],
          when: SEVERAL,
          says: "several replicas share one volume, and the chart's default is ReadWriteOnce: pods on other nodes never start",
          hint: "put persistence.accessModes: [ReadWriteMany] and a storage class that can do it",
        },
        {
          id: "indexer",
          check: "noneOf",
          path: "gitea.config.indexer.ISSUE_INDEXER_TYPE",
          values: ["bleve"],
          default: "bleve",
          when: SEVERAL,
          says: "the issue index is bleve, a file that one process locks: a second replica does not start",
          hint: "put gitea.config.indexer.ISSUE_INDEXER_TYPE: db, elasticsearch or meilisearch",
        },
        {
          id: "anti-affinity",
          check: "antiAffinity",
          affinity: "affinity",
          spread: "topologySpreadConstraints",
          says: "the Gitea pods may share one node (the chart sets no affinity): losing that node takes all of them",
          hint: "put affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution, by kubernetes.io/hostname",
        },
        {
          id: "budget",
          check: "budget",
          limits: ["podDisruptionBudget.maxUnavailable", "podDisruptionBudget.minAvailable"],
          versions: ">=10",
          says: "there is no pod disruption budget for Gitea: a drain may evict all of them at once",
          hint: "put podDisruptionBudget.maxUnavailable: 1",
        },
        {
          id: "image",
          check: "image",
          at: "image",
          globalRegistry: "global.imageRegistry",
          says: "the image of Gitea is not pinned: the chart's version, or a moving tag, decides what runs",
          hint: "put image.registry (your mirror) and image.tag or image.digest; never latest",
        },
        {
          id: "admin-default",
          check: "noneOf",
          path: "gitea.admin.password",
          values: ["r8sA8CPHD9!bt6d"],
          default: "r8sA8CPHD9!bt6d",
          when: [{ path: "gitea.admin.existingSecret", given: false }],
          says: "the administrator has the password that is printed in the chart's own values",
          hint: "name a Secret in gitea.admin.existingSecret, or put gitea.admin.password into an encrypted values file",
        },
        {
          id: "sr-check",
          check: "given",
          anyOf: [
            "postgresql-ha.pgpool.srCheckPassword",
            "postgresql-ha.global.pgpool.srCheckPassword",
            "postgresql-ha.pgpool.existingSecret",
            "postgresql-ha.global.pgpool.existingSecret",
          ],
          versions: ">=12",
          when: [{ path: "postgresql-ha.enabled", default: true, is: [true] }],
          says: "the password of pgpool's streaming check is in no values file: pgpool may find no primary, and a failover never happens",
          hint: "put postgresql-ha.pgpool.srCheckPassword into an encrypted values file",
        },
      ],
      secrets: [
        {
          id: "admin",
          existing: ["gitea.admin.existingSecret"],
          keys: [{ key: "username" }, { key: "password" }],
        },
      ],
    },
  ],
};
