/** The rules for Traefik's chart. */
import { describe, test } from "bun:test";
import { APART, expectFound, set, testRules, valuesFile } from "./support.ts";

const GOOD = valuesFile("traefik");

describe("traefik", () => {
  testRules("traefik@41.0.0", GOOD, [
    ["replicas", ["deployment.replicas", undefined]],
    ["replicas", ["deployment.replicas", 1]],
    ["autoscaling", ["autoscaling.enabled", true]],
    ["anti-affinity", ["affinity", {}]],
    ["budget", ["podDisruptionBudget", undefined]],
    ["budget", ["podDisruptionBudget.enabled", false]],
    ["budget-limit", ["podDisruptionBudget.maxUnavailable", undefined]],
    ["image", ["image.registry", undefined]],
    ["image", ["image.tag", "latest"]],
    ["acme-in-pod", ["certificatesResolvers.le.acme.email", "a@b"]],
    ["acme-in-pod", ["certResolvers.le.email", "a@b"]],
  ]);

  test("the image of the chart that K3s brings has its registry in the repository, or K3s's own default", () => {
    const image = { repository: "registry.example/rancher/mirrored-library-traefik", tag: "3.6.7" };
    expectFound("traefik@39.0.701", set(GOOD, "image", image), []);
    const bare = set(GOOD, "image", { tag: "3.6.7" });
    expectFound("traefik@39.0.701", bare, ["image"]);
    const own = set(bare, "global.systemDefaultRegistry", "registry.example");
    expectFound("traefik@39.0.701", own, []);
  });

  test("a daemon set is on every node by itself, and pods in the host's network cannot share one", () => {
    const daemons = { deployment: { kind: "DaemonSet" }, image: GOOD["image"] ?? {} };
    expectFound("traefik@41.0.0", daemons, []);
    const inHost = set(set(GOOD, "affinity", undefined), "hostNetwork", true);
    expectFound("traefik@41.0.0", inHost, []);
  });

  test("autoscaling that never goes below two is enough", () => {
    const scaled = set(GOOD, "autoscaling", { enabled: true, minReplicas: 2 });
    expectFound("traefik@41.0.0", set(scaled, "deployment.replicas", undefined), []);
    expectFound("traefik@41.0.0", set(scaled, "affinity", APART), []);
  });
});
