/** Objects of a cluster that is well, to break in one place at a time. */

export function deployment(status: Readonly<Record<string, number>> = {}, replicas = 2): unknown {
  return {
    metadata: { namespace: "kube-system", name: "coredns", generation: 3 },
    spec: { replicas },
    status: {
      observedGeneration: 3,
      replicas: 2,
      updatedReplicas: 2,
      availableReplicas: 2,
      ...status,
    },
  };
}

export function balancer(name: string, ingress: readonly unknown[] | undefined): unknown {
  return {
    metadata: { namespace: "web", name },
    spec: { type: "LoadBalancer" },
    status: { loadBalancer: ingress === undefined ? {} : { ingress } },
  };
}

export function daemonSet(wanted: number, ready: number): unknown {
  return {
    metadata: { namespace: "kube-system", name: "svclb-web-1" },
    status: { desiredNumberScheduled: wanted, numberReady: ready },
  };
}

export function claim(name: string, phase: string, storageClassName = "local-path"): unknown {
  return {
    metadata: { namespace: "db", name },
    spec: { storageClassName },
    status: { phase },
  };
}

export const CLASSES: readonly unknown[] = [
  { metadata: { name: "local-path" }, volumeBindingMode: "WaitForFirstConsumer" },
  { metadata: { name: "at-once" }, volumeBindingMode: "Immediate" },
];

export function pod(
  name: string,
  options: { readonly waiting?: string; readonly init?: string; readonly claim?: string } = {},
): unknown {
  const state = (reason: string | undefined): unknown[] =>
    reason === undefined ? [{ state: { running: {} } }] : [{ state: { waiting: { reason } } }];
  return {
    metadata: { namespace: "db", name },
    spec: {
      volumes:
        options.claim === undefined
          ? []
          : [{ persistentVolumeClaim: { claimName: options.claim } }],
    },
    status: {
      containerStatuses: state(options.waiting),
      initContainerStatuses: options.init === undefined ? [] : state(options.init),
    },
  };
}

export function job(name: string, succeeded: number | undefined): unknown {
  return { metadata: { namespace: "kube-system", name }, status: { succeeded } };
}
