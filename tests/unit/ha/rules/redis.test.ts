/** The rules for Bitnami's redis. */
import { describe, expect, test } from "bun:test";
import { stringify } from "yaml";
import { expectFound, lint, set, testRules, valuesFile } from "./support.ts";

const GOOD = valuesFile("redis");
const PIN = "redis@20.6.0";

describe("redis", () => {
  testRules(PIN, GOOD, [
    ["architecture", ["architecture", "standalone"]],
    ["sentinel", ["sentinel.enabled", undefined]],
    ["replicas", ["replica.replicaCount", 2]],
    ["replicas", ["replica.replicaCount", undefined]],
    ["autoscaling", ["replica.autoscaling.enabled", true]],
    ["quorum", ["sentinel.quorum", 1]],
    ["replica.anti-affinity", ["replica.podAntiAffinityPreset", undefined]],
    ["replica.budget", ["replica.pdb.create", false]],
    ["replica.budget", ["replica.pdb", undefined]],
    ["old-budget", ["pdb.create", true]],
    ["redis.image", ["image.tag", undefined]],
    ["redis.image-moved", ["image.registry", "docker.io"]],
    ["sentinel.image", ["sentinel.image.tag", "latest"]],
    ["sentinel.image-moved", ["sentinel.image.registry", "docker.io"]],
    ["mirror-refused", ["global.security", undefined]],
    ["old-names", ["slave.replicaCount", 2]],
    ["old-names", ["podDisruptionBudget.enabled", true]],
    ["auth.redis-password", ["auth.password", undefined]],
  ]);

  test("before 19.5 the budget is pdb, not replica.pdb, and off by default", () => {
    expectFound("redis@19.4.0", GOOD, ["redis.budget"]);
    const old = set(set(GOOD, "replica.pdb", undefined), "pdb", { create: true });
    expectFound("redis@19.4.0", old, []);
    expectFound("redis@19.5.0", old, ["replica.budget", "old-budget"]);
    expectFound("redis@19.5.0", GOOD, []);
  });

  test("images of a mirror are refused since 20.5", () => {
    const careless = set(GOOD, "global", undefined);
    expectFound("redis@20.4.1", careless, []);
    expectFound("redis@20.5.0", careless, ["mirror-refused"]);
    // The registry for all images decides over the one of the image.
    const global = set(
      set(careless, "image.registry", "docker.io"),
      "global.imageRegistry",
      "registry.example",
    );
    expectFound("redis@20.5.0", global, ["mirror-refused"]);
  });

  test("the password may be a global one, or none when nobody has to log in", () => {
    const bare = set(GOOD, "auth.password", undefined);
    expectFound(PIN, set(bare, "global.redis.password", "placeholder"), []);
    expectFound(PIN, set(bare, "auth.enabled", false), []);
  });

  test("the operator may have named the key of an existing Secret", () => {
    const json = set(GOOD, "auth", { existingSecret: "redis", existingSecretPasswordKey: "pw" });
    const secret = (key: string): string =>
      stringify({ kind: "Secret", metadata: { name: "redis" }, stringData: { [key]: "x" } });
    expect(lint(PIN, json, secret("pw"))).toEqual([]);
    expect(lint(PIN, json, secret("redis-password"))).toEqual(["redis/auth.existing-secret"]);
  });
});
