/** Gitea's own chart. */
import { DATABASE, PUBLISHED, SHARED } from "./gitea-parts.ts";
import type { ChartRulesInput } from "../rule-schema.ts";

const SEVERAL = [{ path: "replicaCount", default: 1, isNot: [0, 1] }];

export const GITEA: ChartRulesInput = {
  schema: "railiance.ha-rules/1",
  chart: "gitea",
  sets: [
    {
      versions: ">=9 <13",
      source:
        'helm-gitea README of 12 (parameters, "Session, Cache and Queue", "Admin User", "To 9.0.0"), docs/ha-setup.md, templates/_helpers.tpl of 9 to 11, unittests/…/deployment/HA.yaml of 10, all by their mirrors (project-mirrors/gitea-helm-chart, validatedpatterns/gitea-chart)',
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
          check: "oneOf",
          path: "persistence.accessModes.0",
          values: ["ReadWriteMany"],
          default: "ReadWriteOnce",
          when: SEVERAL,
          says: "several replicas share one volume, and its first access mode is not ReadWriteMany: the chart refuses that",
          hint: "put persistence.accessModes: [ReadWriteMany] and a storage class that can do it",
        },
        {
          // The chart itself says db where nothing is given; Gitea's own default is bleve.
          id: "indexer",
          check: "noneOf",
          path: "gitea.config.indexer.ISSUE_INDEXER_TYPE",
          values: ["bleve"],
          default: "db",
          when: SEVERAL,
          says: "the issue index is bleve, a file that one process locks: the chart refuses that with several replicas",
          hint: "put gitea.config.indexer.ISSUE_INDEXER_TYPE: db, elasticsearch or meilisearch",
        },
        {
          id: "repo-indexer",
          check: "noneOf",
          path: "gitea.config.indexer.REPO_INDEXER_TYPE",
          values: ["bleve"],
          default: "bleve",
          when: [
            ...SEVERAL,
            { path: "gitea.config.indexer.REPO_INDEXER_ENABLED", is: [true, "true"] },
          ],
          says: "the code index is bleve, a file that one process locks: several replicas cannot share it",
          hint: "put gitea.config.indexer.REPO_INDEXER_TYPE: elasticsearch, or REPO_INDEXER_ENABLED: false",
        },
        {
          id: "git-gc",
          check: "noneOf",
          path: "gitea.config.cron.GIT_GC_REPOS.ENABLED",
          values: [true, "true"],
          default: false,
          when: SEVERAL,
          says: "each replica would collect garbage in the shared repositories: the chart refuses that with several replicas",
          hint: "put gitea.config.cron.GIT_GC_REPOS.ENABLED: false",
        },
        ...SHARED.map((rule) => ({ ...rule, when: [...SEVERAL, ...(rule.when ?? [])] })),
        ...DATABASE,
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
          versions: ">=12",
          says: "there is no pod disruption budget for Gitea: a drain may evict all of them at once",
          hint: "put podDisruptionBudget.maxUnavailable: 1",
        },
        {
          id: "image",
          check: "image",
          at: "image",
          globalRegistry: "global.imageRegistry",
          when: [{ path: "image.fullOverride", given: false }],
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
        ...PUBLISHED,
        {
          id: "old-names",
          check: "notGiven",
          paths: ["persistence.existingClaim", "memcached", "statefulset", "gitea.database"],
          says: "this is a name of charts before 9: this version ignores it",
          hint: 'see the README of the chart, "To 9.0.0": persistence.existingClaim is persistence.claimName with create: false now',
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
