/** K3s's own object kinds, and the manifests it ships in `server/manifests`. */

const OPEN = { type: "object", "x-kubernetes-preserve-unknown-fields": true };

interface Kind {
  readonly group: string;
  readonly kind: string;
  readonly plural: string;
  readonly scope: "Cluster" | "Namespaced";
  readonly columns: readonly (readonly [name: string, path: string, type: string])[];
}

const KINDS: readonly Kind[] = [
  {
    group: "k3s.cattle.io",
    kind: "ETCDSnapshotFile",
    plural: "etcdsnapshotfiles",
    scope: "Cluster",
    columns: [
      ["SnapshotName", ".spec.snapshotName", "string"],
      ["Node", ".spec.nodeName", "string"],
      ["Location", ".spec.location", "string"],
      ["Size", ".status.size", "string"],
      ["CreationTime", ".status.creationTime", "date"],
    ],
  },
  {
    group: "k3s.cattle.io",
    kind: "Addon",
    plural: "addons",
    scope: "Namespaced",
    columns: [
      ["Source", ".spec.source", "string"],
      ["Checksum", ".spec.checksum", "string"],
    ],
  },
  {
    group: "helm.cattle.io",
    kind: "HelmChart",
    plural: "helmcharts",
    scope: "Namespaced",
    columns: [
      ["Chart", ".spec.chart", "string"],
      ["TargetNamespace", ".spec.targetNamespace", "string"],
      ["Version", ".spec.version", "string"],
    ],
  },
  {
    group: "helm.cattle.io",
    kind: "HelmChartConfig",
    plural: "helmchartconfigs",
    scope: "Namespaced",
    columns: [],
  },
];

/** The CustomResourceDefinitions; ETCDSnapshotFile only where there is etcd. */
export function customResourceDefinitions(etcd: boolean) {
  return KINDS.filter(({ kind }) => etcd || kind !== "ETCDSnapshotFile").map((one) => ({
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${one.plural}.${one.group}` },
    spec: {
      group: one.group,
      scope: one.scope,
      names: {
        kind: one.kind,
        plural: one.plural,
        singular: one.kind.toLowerCase(),
        listKind: `${one.kind}List`,
      },
      versions: [
        {
          name: "v1",
          served: true,
          storage: true,
          additionalPrinterColumns: one.columns.map(([name, jsonPath, type]) => ({
            name,
            jsonPath,
            type,
          })),
          schema: { openAPIV3Schema: { type: "object", properties: { spec: OPEN, status: OPEN } } },
        },
      ],
    },
  }));
}

/** Name in `--disable` to file name and text. Written by us after K3s's; nothing here needs a kubelet. */
export const BUNDLED_MANIFESTS: Readonly<Record<string, readonly [file: string, text: string]>> = {
  coredns: [
    "coredns.yaml",
    `apiVersion: v1
kind: ConfigMap
metadata:
  name: coredns
  namespace: kube-system
data:
  Corefile: |
    .:53 {
        errors
        health
        kubernetes cluster.local in-addr.arpa ip6.arpa
        forward . /etc/resolv.conf
        cache 30
    }
---
apiVersion: v1
kind: Service
metadata:
  name: kube-dns
  namespace: kube-system
  labels:
    k8s-app: kube-dns
spec:
  clusterIP: 10.43.0.10
  selector:
    k8s-app: kube-dns
  ports:
  - {name: dns, port: 53, protocol: UDP}
  - {name: dns-tcp, port: 53, protocol: TCP}
`,
  ],
  "local-storage": [
    "local-storage.yaml",
    `apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata:
  name: local-path
  annotations:
    storageclass.kubernetes.io/is-default-class: "true"
provisioner: rancher.io/local-path
volumeBindingMode: WaitForFirstConsumer
reclaimPolicy: Delete
`,
  ],
  traefik: [
    "traefik.yaml",
    `apiVersion: helm.cattle.io/v1
kind: HelmChart
metadata:
  name: traefik-crd
  namespace: kube-system
spec:
  chart: https://%{KUBERNETES_API}%/static/charts/traefik-crd-39.0.0+up39.0.0.tgz
---
apiVersion: helm.cattle.io/v1
kind: HelmChart
metadata:
  name: traefik
  namespace: kube-system
spec:
  chart: https://%{KUBERNETES_API}%/static/charts/traefik-39.0.0+up39.0.0.tgz
  set:
    global.systemDefaultRegistry: ""
  valuesContent: |-
    deployment:
      podAnnotations:
        prometheus.io/port: "8082"
        prometheus.io/scrape: "true"
    providers:
      kubernetesIngress:
        publishedService:
          enabled: true
    priorityClassName: "system-cluster-critical"
    service:
      ipFamilyPolicy: "PreferDualStack"
`,
  ],
};
