/** What Bitnami's charts have in common, as data. */
import type { RuleInput } from "../rule-schema.ts";

/** Pods of one workload never share a node; the charts' own default is `soft`. */
export function apart(id: string, at: string, what: string): RuleInput {
  return {
    id: `${id}.anti-affinity`,
    check: "antiAffinity",
    preset: `${at}.podAntiAffinityPreset`,
    affinity: `${at}.affinity`,
    spread: `${at}.topologySpreadConstraints`,
    says: `${what} may share one node (the chart's default is soft): losing that node takes all of them`,
    hint: `put ${at}.podAntiAffinityPreset: hard`,
  };
}

/** A budget is switched on; where the chart does so by itself, it still has to be written down. */
export function budget(id: string, at: string, what: string): RuleInput {
  return {
    id: `${id}.budget`,
    check: "budget",
    create: `${at}.create`,
    says: `no values file makes sure of a pod disruption budget for ${what}: a drain may evict all of them at once`,
    hint: `put ${at}.create: true`,
  };
}

/** Registry and tag are pinned; the default images are no longer where older charts look for them. */
export function image(
  id: string,
  { at, repository }: { readonly at: string; readonly repository: string },
): RuleInput[] {
  return [
    {
      id: `${id}.image`,
      check: "image",
      at,
      globalRegistry: "global.imageRegistry",
      says: `the image of ${id} is not pinned: the next upgrade, or a pull that fails, decides what runs`,
      hint: `put ${at}.registry (your mirror) and ${at}.tag or ${at}.digest; never latest`,
    },
    {
      id: `${id}.image-moved`,
      check: "noneOf",
      severity: "warning",
      path: `${at}.repository`,
      values: [repository],
      default: repository,
      when: [
        { path: `${at}.registry`, default: "docker.io", is: ["docker.io", "registry-1.docker.io"] },
        { path: "global.imageRegistry", given: false },
      ],
      says: `the image of ${id} comes from docker.io/${repository}: Bitnami moved versioned images to bitnamilegacy in August 2025, so a new node may not get it`,
      hint: `mirror the image and put its registry into ${at}.registry`,
    },
  ];
}
