/** The rules for ingress-nginx. */
import { describe, test } from "bun:test";
import { expectFound, set, testRules, valuesFile } from "./support.ts";

const GOOD = valuesFile("ingress-nginx");

describe("ingress-nginx", () => {
  testRules("ingress-nginx@4.13.0", GOOD, [
    ["replicas", ["controller.replicaCount", 1]],
    ["replicas", ["controller.replicaCount", undefined]],
    ["autoscaling", ["controller.autoscaling.enabled", true]],
    ["keda", ["controller.keda.enabled", true]],
    ["budget", ["controller.minAvailable", 0]],
    ["budget", ["controller.minAvailable", "0%"]],
    ["anti-affinity", ["controller.affinity", undefined]],
    ["image", ["controller.image.registry", undefined]],
    ["digest-of-the-chart", ["controller.image.digest", undefined]],
  ]);

  test("a tag alone is pinned once the chart's own digest is taken away", () => {
    expectFound("ingress-nginx@4.13.0", set(GOOD, "controller.image.digest", ""), []);
    const moving = set(set(GOOD, "controller.image.digest", ""), "controller.image.tag", "latest");
    expectFound("ingress-nginx@4.13.0", moving, ["image"]);
    // Without a tag of one's own, tag and digest are both the chart's.
    const chartsOwn = set(
      set(GOOD, "controller.image.digest", undefined),
      "controller.image.tag",
      undefined,
    );
    expectFound("ingress-nginx@4.13.0", chartsOwn, ["image"]);
  });

  test("a registry for all images counts since 4.12, which brought it", () => {
    const all = set(
      set(GOOD, "controller.image.registry", undefined),
      "global.image.registry",
      "registry.example",
    );
    expectFound("ingress-nginx@4.12.0", all, []);
    expectFound("ingress-nginx@4.11.2", all, ["image"]);
    expectFound("ingress-nginx@4.11.2", GOOD, []);
  });

  test("maxUnavailable has its place where minAvailable is 0", () => {
    const bounded = set(set(GOOD, "controller.minAvailable", 0), "controller.maxUnavailable", 1);
    expectFound("ingress-nginx@4.13.0", bounded, []);
  });

  test("autoscaling and KEDA that never go below two are enough; a daemon set needs neither", () => {
    for (const by of ["autoscaling", "keda"]) {
      const scaled = set(GOOD, `controller.${by}`, { enabled: true, minReplicas: 2 });
      expectFound("ingress-nginx@4.13.0", set(scaled, "controller.replicaCount", undefined), []);
    }
    const image = set({}, "controller.image", { registry: "registry.example", digest: "sha256:x" });
    expectFound("ingress-nginx@4.13.0", set(image, "controller.kind", "DaemonSet"), []);
  });
});
