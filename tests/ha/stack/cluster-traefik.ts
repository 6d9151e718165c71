/**
 * The real Traefik (tests/lab/traefik) in the cluster, in the shape that K3s's chart gives it:
 * `/ping` at the port of its readiness probe, routes from Ingress objects, a Service of type
 * LoadBalancer. The lab mounts no account into a pod, so its token comes from a Secret.
 */

const NAME = "traefik";
const NAMESPACE = "kube-system";
const LABELS = { "app.kubernetes.io/name": NAME };
const METADATA = { name: NAME, namespace: NAMESPACE, labels: LABELS };
const ACCOUNT = "/run/traefik-account";

/** A pod's own address: all pods of the lab are in their node's network, so each has to bind to its own. */
export const POD_IP = {
  name: "POD_IP",
  valueFrom: { fieldRef: { fieldPath: "status.podIP" } },
};

/** What the chart gives it, without TLS, metrics, dashboard and Traefik's own resource kinds. */
const ARGUMENTS = [
  "--global.checkNewVersion=false",
  "--global.sendAnonymousUsage=false",
  "--entryPoints.traefik.address=$(POD_IP):8080",
  "--entryPoints.web.address=$(POD_IP):8000",
  "--ping=true",
  "--providers.kubernetesIngress=true",
  "--providers.kubernetesIngress.allowEmptyServices=true",
  "--providers.kubernetesIngress.endpoint=https://10.43.0.1:443",
  `--providers.kubernetesIngress.certAuthFilePath=${ACCOUNT}/ca.crt`,
  `--providers.kubernetesIngress.token=${ACCOUNT}/token`,
];

/** Everything of Traefik's but the address of its Service, which ServiceLB would give it. */
export function traefikObjects(): unknown[] {
  return [
    ...account(),
    {
      apiVersion: "networking.k8s.io/v1",
      kind: "IngressClass",
      metadata: { name: NAME },
      spec: { controller: "traefik.io/ingress-controller" },
    },
    deployment(),
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: METADATA,
      spec: {
        type: "LoadBalancer",
        selector: LABELS,
        ports: [{ name: "web", port: 80, targetPort: "web" }],
      },
    },
  ];
}

/** Who Traefik is and what it may see: the chart's rules for Ingress objects. */
function account(): unknown[] {
  const see = ["get", "list", "watch"];
  const networking = "networking.k8s.io";
  return [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: METADATA },
    {
      apiVersion: "v1",
      kind: "Secret",
      type: "kubernetes.io/service-account-token",
      metadata: { ...METADATA, annotations: { "kubernetes.io/service-account.name": NAME } },
    },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRole",
      metadata: { name: NAME },
      rules: [
        { apiGroups: [""], resources: ["nodes", "secrets", "services"], verbs: see },
        { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: see },
        { apiGroups: [networking], resources: ["ingresses", "ingressclasses"], verbs: see },
      ],
    },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name: NAME },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: NAME },
      subjects: [{ kind: "ServiceAccount", name: NAME, namespace: NAMESPACE }],
    },
  ];
}

function deployment(): unknown {
  // Named one by one, so that the pod waits until the controller has made them.
  const items = ["ca.crt", "token"].map((key) => ({ key, path: key }));
  const container = {
    name: NAME,
    image: "none",
    command: ["/usr/local/lib/k3s-lab/traefik"],
    args: ARGUMENTS,
    env: [POD_IP],
    ports: [
      { name: "traefik", containerPort: 8080 },
      { name: "web", containerPort: 8000 },
    ],
    readinessProbe: { httpGet: { path: "/ping", port: "traefik" }, periodSeconds: 1 },
    volumeMounts: [{ name: "account", mountPath: ACCOUNT, readOnly: true }],
  };
  const volumes = [{ name: "account", secret: { secretName: NAME, items } }];
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: METADATA,
    spec: {
      replicas: 1,
      selector: { matchLabels: LABELS },
      template: { metadata: { labels: LABELS }, spec: { containers: [container], volumes } },
    },
  };
}
