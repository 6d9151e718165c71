/** Traefik, also the one K3s brings (its values stand in a HelmChartConfig then). */
import type { ChartRulesInput } from "../rule-schema.ts";

const DEPLOYMENT = { path: "deployment.kind", default: "Deployment", is: ["Deployment"] };
const FIXED = [DEPLOYMENT, { path: "autoscaling.enabled", default: false, is: [false] }];

export const TRAEFIK: ChartRulesInput = {
  schema: "railiance.ha-rules/1",
  chart: "traefik",
  sets: [
    {
      versions: ">=20 <42",
      source: "traefik/traefik-helm-chart values.yaml and templates; facts/operations.md 5.1, 5.2",
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
          when: [DEPLOYMENT],
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
          id: "image",
          check: "image",
          at: "image",
          globalRegistry: "global.systemDefaultRegistry",
          says: "the image of Traefik is not pinned: the chart's version, or a moving tag, decides what runs",
          hint: "put image.registry (your mirror) and image.tag; never latest",
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
