/** The checks of the cluster, in the order in which they are shown: to add one, write its file and list it here. */
import { etcd, nodes, readyz } from "./control-plane.ts";
import { dns } from "./dns.ts";
import { helm } from "./helm.ts";
import { serviceLb } from "./service-lb.ts";
import { traefik } from "./traefik.ts";
import { workloads } from "./workloads.ts";
import type { SmokeCheck } from "./check.ts";

export const CLUSTER_CHECKS: readonly SmokeCheck[] = [
  readyz,
  nodes,
  etcd,
  dns,
  traefik,
  serviceLb,
  workloads,
  helm,
];
