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

/**
 * A budget is switched on. The charts do so by themselves since May and June 2024 (postgresql 15.5.0, redis 19.5.0,
 * postgresql-ha 14.2.0, by their CHANGELOG.md); it still has to be written down.
 */
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
      // common.images.image: the global registry wins.
      when: [
        {
          path: ["global.imageRegistry", `${at}.registry`],
          default: "docker.io",
          is: ["docker.io", "registry-1.docker.io"],
        },
      ],
      says: `the image of ${id} comes from docker.io/${repository}: Bitnami moved versioned images to bitnamilegacy in August 2025, so a new node may not get it`,
      hint: `mirror the image and put its registry into ${at}.registry`,
    },
  ];
}

/**
 * Since 10 December 2024 the charts compare registry and repository with those they were released with, and helm fails
 * when they differ (bitnami/charts issue 30850; common/templates/_errors.tpl, common.errors.insecureImages).
 */
export function mirror(at: string, versions?: string): RuleInput {
  return {
    id: "mirror-refused",
    check: "oneOf",
    path: "global.security.allowInsecureImages",
    values: [true],
    default: false,
    when: [
      {
        path: ["global.imageRegistry", `${at}.registry`],
        default: "docker.io",
        isNot: ["docker.io"],
      },
    ],
    says: "this chart refuses images that come from elsewhere than docker.io: helm install and helm upgrade fail, also when they are the same images in a mirror",
    hint: "put global.security.allowInsecureImages: true, once you know what the mirror holds",
    ...(versions === undefined ? {} : { versions }),
  };
}
