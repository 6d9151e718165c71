/** ingress-nginx. */
import type { ChartRulesInput, RuleInput } from "../rule-schema.ts";

const DEPLOYMENT = { path: "controller.kind", default: "Deployment", is: ["Deployment", "Both"] };
const NO_HPA = { path: "controller.autoscaling.enabled", default: false, is: [false] };
const NO_KEDA = { path: "controller.keda.enabled", default: false, is: [false] };
/** Stands for the chart's own digest, which is another one in each version. */
const OF_THE_CHART = "of the chart";

const IMAGE: RuleInput = {
  id: "image",
  check: "image",
  at: "controller.image",
  says: "the image of the controller is not pinned: the chart's version, or a moving tag, decides what runs",
  hint: "put controller.image.registry (your mirror) and controller.image.digest or tag; never latest",
};

export const INGRESS_NGINX: ChartRulesInput = {
  schema: "railiance.ha-rules/1",
  chart: "ingress-nginx",
  sets: [
    {
      versions: ">=4 <5",
      source:
        "kubernetes/ingress-nginx charts/ingress-nginx: values.yaml of controller v1.1.1, templates/_helpers.tpl and controller-poddisruptionbudget.yaml (commit 01c4cd8b), changelogs of controller 1.10.1 (budget with KEDA) and 1.12.0-beta.0 (global.image.registry)",
      rules: [
        {
          id: "replicas",
          check: "minimum",
          path: "controller.replicaCount",
          min: 2,
          default: 1,
          when: [DEPLOYMENT, NO_HPA, NO_KEDA],
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
          id: "keda",
          check: "minimum",
          path: "controller.keda.minReplicas",
          min: 2,
          default: 1,
          when: [DEPLOYMENT, { path: "controller.keda.enabled", is: [true] }],
          says: "KEDA may go down to one controller: every route goes when its node goes",
          hint: "put controller.keda.minReplicas: 2",
        },
        {
          id: "budget",
          check: "noneOf",
          path: "controller.minAvailable",
          values: [0, "0", "0%"],
          default: 1,
          // A minAvailable of 0 lets maxUnavailable have its place.
          when: [DEPLOYMENT, { path: "controller.maxUnavailable", given: false }],
          says: "the pod disruption budget allows that no controller is left: a drain may evict all of them at once",
          hint: "put controller.minAvailable: 1",
        },
        {
          id: "anti-affinity",
          check: "antiAffinity",
          affinity: "controller.affinity",
          spread: "controller.topologySpreadConstraints",
          when: [DEPLOYMENT, { path: "controller.hostNetwork", default: false, is: [false] }],
          says: "the controllers may share one node (the chart sets no affinity): losing that node takes all of them",
          hint: "put controller.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution, by kubernetes.io/hostname",
        },
        { ...IMAGE, versions: "<4.12" },
        { ...IMAGE, globalRegistry: "global.image.registry", versions: ">=4.12" },
        {
          // _helpers.tpl, ingress-nginx.imageDigest: the digest is put behind the tag whenever there is one.
          id: "digest-of-the-chart",
          check: "noneOf",
          path: "controller.image.digest",
          values: [OF_THE_CHART],
          default: OF_THE_CHART,
          when: [
            { path: "controller.image.tag", given: true },
            { path: "controller.image.chroot", default: false, is: [false] },
          ],
          says: "controller.image.tag is given without a digest: the chart puts its own digest behind the tag, and that decides what is pulled",
          hint: 'put controller.image.digest to the one of your tag, or to "" to go by the tag alone',
        },
      ],
    },
  ],
};
