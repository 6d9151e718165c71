/** Traefik, also the one K3s brings (its values stand in a HelmChartConfig then). */
import type { ChartRulesInput } from "../rule-schema.ts";

const DEPLOYMENT = { path: "deployment.kind", default: "Deployment", is: ["Deployment"] };
const FIXED = [DEPLOYMENT, { path: "autoscaling.enabled", default: false, is: [false] }];

export const TRAEFIK: ChartRulesInput = {
  schema: "railiance.ha-rules/1",
  chart: "traefik",
  sets: [
    {
      versions: ">=23 <42",
      source:
        "traefik/traefik-helm-chart VALUES.md of 23.2.0, 26.1.0 and one of Traefik 3 with Knative, templates/{deployment,hpa,poddisruptionbudget,_podtemplate,_helpers}; k3s-io/k3s-charts packages/traefik/…/values.yaml.patch; facts/operations.md 5.1, 5.2 for 41",
      rules: [
        {
          id: "replicas",
          check: "minimum",
          path: "deployment.replicas",
          min: 2,
          default: 1,
          when: FIXED,
          says: "there is only one Traefik (the chart's default): every route goes when its node goes",
          hint: "put deployment.replicas: 2, or deployment.kind: DaemonSet",
        },
        {
          id: "autoscaling",
          check: "minimum",
          path: "autoscaling.minReplicas",
          min: 2,
          default: 1,
          when: [DEPLOYMENT, { path: "autoscaling.enabled", is: [true] }],
          says: "autoscaling may go down to one Traefik: every route goes when its node goes",
          hint: "put autoscaling.minReplicas: 2",
        },
        {
          id: "anti-affinity",
          check: "antiAffinity",
          affinity: "affinity",
          spread: "topologySpreadConstraints",
          // In the host's network two cannot share a node: they would want the same ports.
          when: [DEPLOYMENT, { path: "hostNetwork", default: false, is: [false] }],
          says: "the Traefik pods may share one node (the chart sets no affinity): losing that node takes all of them",
          hint: "put affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution, by kubernetes.io/hostname",
        },
        {
          id: "budget",
          check: "budget",
          create: "podDisruptionBudget.enabled",
          when: [DEPLOYMENT],
          says: "there is no pod disruption budget for Traefik: a drain may evict all of them at once",
          hint: "put podDisruptionBudget: {enabled: true, maxUnavailable: 1}",
        },
        {
          // poddisruptionbudget.yaml writes neither bound by itself, and Kubernetes then allows every eviction.
          id: "budget-limit",
          check: "given",
          anyOf: ["podDisruptionBudget.maxUnavailable", "podDisruptionBudget.minAvailable"],
          when: [DEPLOYMENT, { path: "podDisruptionBudget.enabled", is: [true] }],
          says: "the pod disruption budget has no bound, and the chart sets none: a drain may evict all of them at once",
          hint: "put podDisruptionBudget.maxUnavailable: 1",
        },
        {
          id: "image",
          check: "image",
          at: "image",
          globalRegistry: "global.systemDefaultRegistry",
          says: "the image of Traefik is not pinned: the chart's version, or a moving tag, decides what runs",
          hint: "put image.registry (your mirror; for the chart of K3s put it in front of image.repository) and image.tag; never latest",
        },
        {
          id: "acme-in-pod",
          check: "notGiven",
          paths: ["certResolvers", "certificatesResolvers"],
          severity: "warning",
          when: [{ path: "deployment.replicas", default: 1, isNot: [1] }],
          says: "Traefik's own ACME keeps its certificates in one pod's file: several replicas cannot share it",
          hint: "let cert-manager, or the Nginx in front, hold the certificates",
        },
      ],
    },
  ],
};
