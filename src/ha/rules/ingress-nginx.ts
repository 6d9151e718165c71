/** ingress-nginx. */
import type { ChartRulesInput } from "../rule-schema.ts";

const DEPLOYMENT = { path: "controller.kind", default: "Deployment", is: ["Deployment", "Both"] };

export const INGRESS_NGINX: ChartRulesInput = {
  schema: "railiance.ha-rules/1",
  chart: "ingress-nginx",
  sets: [
    {
      versions: ">=4 <5",
      source:
        "kubernetes/ingress-nginx charts/ingress-nginx templates/controller-poddisruptionbudget.yaml and values.yaml",
      rules: [
        {
          id: "replicas",
          check: "minimum",
          path: "controller.replicaCount",
          min: 2,
          default: 1,
          when: [
            DEPLOYMENT,
            { path: "controller.autoscaling.enabled", default: false, is: [false] },
          ],
          says: "there is only one controller (the chart's default), so no disruption budget either: every route goes when its node goes",
          hint: "put controller.replicaCount: 2, or controller.kind: DaemonSet",
        },
        {
          id: "autoscaling",
          check: "minimum",
          path: "controller.autoscaling.minReplicas",
          min: 2,
          default: 1,
          when: [DEPLOYMENT, { path: "controller.autoscaling.enabled", is: [true] }],
          says: "autoscaling may go down to one controller: every route goes when its node goes",
          hint: "put controller.autoscaling.minReplicas: 2",
        },
        {
          id: "budget",
          check: "noneOf",
          path: "controller.minAvailable",
          values: [0, "0", "0%"],
          default: 1,
          when: [DEPLOYMENT],
          says: "the pod disruption budget allows that no controller is left: a drain may evict all of them at once",
          hint: "put controller.minAvailable: 1",
        },
        {
          id: "anti-affinity",
          check: "antiAffinity",
          affinity: "controller.affinity",
          spread: "controller.topologySpreadConstraints",
          when: [DEPLOYMENT],
          says: "the controllers may share one node (the chart sets no affinity): losing that node takes all of them",
          hint: "put controller.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution, by kubernetes.io/hostname",
        },
        {
          id: "image",
          check: "image",
          at: "controller.image",
          globalRegistry: "global.image.registry",
          says: "the image of the controller is not pinned: the chart's version, or a moving tag, decides what runs",
          hint: "put controller.image.registry (your mirror) and controller.image.digest or tag; never latest",
        },
      ],
    },
  ],
};
