/** The shipped rules: good values pass, and each rule catches what only it is for. */
import { describe, expect, test } from "bun:test";
import { stringify } from "yaml";
import { checkRules, rulesFor } from "../../../src/ha/check-rules.ts";
import { checkSecret } from "../../../src/ha/check-secrets.ts";
import { parsePin, parseRules, requireSets } from "../../../src/ha/find-rules.ts";
import { shippedRules } from "../../../src/ha/rules/all.ts";
import { extraSecrets, secretsIn } from "../../../src/ha/secret-manifests.ts";
import { failureOf } from "../../helpers/errors.ts";
import { fromJson, values } from "./support.ts";
import type { Json, JsonMap } from "./support.ts";

/** `chart/id` of everything found. */
function lint(pin: string, json: JsonMap, manifests = ""): string[] {
  const { name: chart, version } = parsePin(pin);
  const root = fromJson(json);
  const known = [...secretsIn(manifests === "" ? [] : [values(manifests)]), ...extraSecrets(root)];
  const sets = requireSets(shippedRules(), { name: chart, version });
  const found = sets.flatMap((set) => [
    ...checkRules(root, set, { chart, version }),
    ...set.secrets.flatMap((rule) => checkSecret(root, rule, { chart, known }).findings),
  ]);
  for (const { message, hint } of found) {
    expect(message).not.toMatch(/\.$/);
    expect(hint).not.toBe("");
  }
  return found.map(({ id }) => id).sort();
}

/** A copy with one value set; undefined takes it away. */
function set(json: JsonMap, path: string, value: Json | undefined): JsonMap {
  const [key = "", ...rest] = path.split(".");
  const { [key]: old, ...others } = json;
  if (rest.length === 0) return value === undefined ? others : { ...others, [key]: value };
  const inner = typeof old === "object" && old !== null && !Array.isArray(old) ? old : {};
  return { ...others, [key]: set(inner, rest.join("."), value) };
}

const IMAGE = { registry: "registry.example", tag: "17.5.0" };
const APART: Json = {
  podAntiAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: "kubernetes.io/hostname" }],
  },
};
const WORKLOAD = { replicaCount: 3, podAntiAffinityPreset: "hard", pdb: { create: true } };

const GOOD: Readonly<Record<string, JsonMap>> = {
  "postgresql-ha@16.3.4": {
    postgresql: { ...WORKLOAD, image: IMAGE, password: "a", repmgrPassword: "b" },
    pgpool: { ...WORKLOAD, image: IMAGE, adminPassword: "c", srCheckPassword: "d" },
  },
  "postgresql-ha@12.0.1": {
    postgresql: { ...WORKLOAD, image: IMAGE, password: "a", repmgrPassword: "b" },
    pgpool: { ...WORKLOAD, image: IMAGE, adminPassword: "c" },
  },
  "postgresql@16.2.0": {
    architecture: "replication",
    image: IMAGE,
    auth: { postgresPassword: "a", username: "shop", password: "b", replicationPassword: "c" },
    primary: { podAntiAffinityPreset: "hard" },
    readReplicas: WORKLOAD,
  },
  "redis@20.1.0": {
    image: IMAGE,
    auth: { password: "a" },
    sentinel: { enabled: true, image: IMAGE },
    replica: WORKLOAD,
  },
  // Its budget stood elsewhere until 19.5.0.
  "redis@18.6.1": {
    image: IMAGE,
    auth: { password: "a" },
    sentinel: { enabled: true, image: IMAGE },
    replica: { replicaCount: 3, podAntiAffinityPreset: "hard" },
    pdb: { create: true },
  },
  "traefik@41.0.0": {
    deployment: { replicas: 2 },
    affinity: APART,
    podDisruptionBudget: { enabled: true },
    image: IMAGE,
  },
  "ingress-nginx@4.13.0": { controller: { replicaCount: 2, affinity: APART, image: IMAGE } },
  "gitea@12.1.0": {
    replicaCount: 2,
    persistence: { accessModes: ["ReadWriteMany"] },
    affinity: APART,
    podDisruptionBudget: { maxUnavailable: 1 },
    image: IMAGE,
    gitea: {
      config: { indexer: { ISSUE_INDEXER_TYPE: "db" } },
      admin: { existingSecret: "admin" },
    },
    "postgresql-ha": { pgpool: { srCheckPassword: "x" } },
  },
};

type Change = readonly [path: string, value: Json | undefined];
type Row = readonly [pin: string, id: string, ...changes: Change[]];

/** One change of good values, and the one rule that sees it. */
const SABOTAGES: readonly Row[] = [
  ["postgresql-ha@16.3.4", "postgresql.replicas", ["postgresql.replicaCount", 2]],
  ["postgresql-ha@16.3.4", "postgresql.replicas", ["postgresql.replicaCount", undefined]],
  ["postgresql-ha@16.3.4", "pgpool.replicas", ["pgpool.replicaCount", undefined]],
  [
    "postgresql-ha@16.3.4",
    "postgresql.anti-affinity",
    ["postgresql.podAntiAffinityPreset", "soft"],
  ],
  ["postgresql-ha@16.3.4", "pgpool.anti-affinity", ["pgpool.podAntiAffinityPreset", undefined]],
  // The preset is ignored once an affinity is given, whatever it says.
  ["postgresql-ha@16.3.4", "pgpool.anti-affinity", ["pgpool.affinity", { nodeAffinity: {} }]],
  ["postgresql-ha@16.3.4", "postgresql.budget", ["postgresql.pdb.create", false]],
  ["postgresql-ha@16.3.4", "pgpool.budget", ["pgpool.pdb", undefined]],
  ["postgresql-ha@16.3.4", "postgresql.image", ["postgresql.image.tag", "latest"]],
  ["postgresql-ha@16.3.4", "pgpool.image", ["pgpool.image.tag", undefined]],
  ["postgresql-ha@16.3.4", "postgresql.image-moved", ["postgresql.image.registry", "docker.io"]],
  ["postgresql-ha@16.3.4", "pgpool.image-moved", ["pgpool.image.registry", "docker.io"]],
  ["postgresql-ha@16.3.4", "pgpool.wrong-name", ["pgpool.pgpoolPassword", "x"]],
  ["postgresql-ha@16.3.4", "old-images", ["pgpoolImage.tag", "4"]],
  ["postgresql-ha@16.3.4", "pgpool.admin-password", ["pgpool.adminPassword", ""]],
  ["postgresql-ha@16.3.4", "pgpool.sr-check-password", ["pgpool.srCheckPassword", undefined]],
  ["postgresql-ha@16.3.4", "postgresql.password", ["postgresql.password", null]],
  ["postgresql-ha@16.3.4", "postgresql.repmgr-password", ["postgresql.repmgrPassword", undefined]],
  ["postgresql-ha@16.3.4", "postgresql.postgres-password", ["postgresql.username", "shop"]],
  ["postgresql-ha@12.0.1", "postgresql.replicas", ["postgresql.replicaCount", 1]],
  ["postgresql-ha@12.0.1", "pgpool.admin-password", ["pgpool.adminPassword", undefined]],
  ["postgresql-ha@12.0.1", "postgresql.password", ["postgresql.password", undefined]],
  ["postgresql-ha@12.0.1", "postgresql.repmgr-password", ["postgresql.repmgrPassword", undefined]],
  ["postgresql-ha@12.0.1", "sr-check-too-early", ["pgpool.srCheckPassword", "x"]],
  ["postgresql@16.2.0", "replicas", ["readReplicas.replicaCount", 1]],
  ["postgresql@16.2.0", "primary.anti-affinity", ["primary.podAntiAffinityPreset", undefined]],
  ["postgresql@16.2.0", "replicas.anti-affinity", ["readReplicas.podAntiAffinityPreset", "soft"]],
  ["postgresql@16.2.0", "replicas.budget", ["readReplicas.pdb", undefined]],
  ["postgresql@16.2.0", "postgresql.image", ["image.tag", undefined]],
  ["postgresql@16.2.0", "postgresql.image-moved", ["image.registry", "docker.io"]],
  ["postgresql@16.2.0", "old-names", ["postgresqlPassword", "x"]],
  ["postgresql@16.2.0", "auth.postgres-password", ["auth.postgresPassword", undefined]],
  ["postgresql@16.2.0", "auth.password", ["auth.password", undefined]],
  ["postgresql@16.2.0", "auth.replication-password", ["auth.replicationPassword", undefined]],
  ["postgresql@16.2.0", "no-failover", ["architecture", "standalone"]],
  ["redis@20.1.0", "architecture", ["architecture", "standalone"]],
  ["redis@20.1.0", "sentinel", ["sentinel.enabled", undefined]],
  ["redis@20.1.0", "replicas", ["replica.replicaCount", 2]],
  ["redis@20.1.0", "quorum", ["sentinel.quorum", 1]],
  ["redis@20.1.0", "replica.anti-affinity", ["replica.podAntiAffinityPreset", undefined]],
  ["redis@20.1.0", "replica.budget", ["replica.pdb.create", false]],
  ["redis@18.6.1", "redis.budget", ["pdb.create", undefined]],
  ["redis@20.1.0", "redis.image", ["image.tag", undefined]],
  ["redis@20.1.0", "redis.image-moved", ["image.registry", "docker.io"]],
  ["redis@20.1.0", "sentinel.image", ["sentinel.image.tag", "latest"]],
  ["redis@20.1.0", "sentinel.image-moved", ["sentinel.image.registry", "docker.io"]],
  ["redis@20.1.0", "old-names", ["slave.replicaCount", 2]],
  ["redis@20.1.0", "auth.redis-password", ["auth.password", undefined]],
  ["traefik@41.0.0", "replicas", ["deployment.replicas", undefined]],
  ["traefik@41.0.0", "autoscaling", ["autoscaling.enabled", true]],
  ["traefik@41.0.0", "anti-affinity", ["affinity", {}]],
  ["traefik@41.0.0", "budget", ["podDisruptionBudget", undefined]],
  ["traefik@41.0.0", "image", ["image.registry", undefined]],
  ["traefik@41.0.0", "acme-in-pod", ["certificatesResolvers.le.acme.email", "a@b"]],
  ["ingress-nginx@4.13.0", "replicas", ["controller.replicaCount", 1]],
  ["ingress-nginx@4.13.0", "autoscaling", ["controller.autoscaling.enabled", true]],
  ["ingress-nginx@4.13.0", "budget", ["controller.minAvailable", 0]],
  ["ingress-nginx@4.13.0", "anti-affinity", ["controller.affinity", undefined]],
  ["ingress-nginx@4.13.0", "image", ["controller.image.tag", undefined]],
  ["gitea@12.1.0", "replicas", ["replicaCount", 1]],
  ["gitea@12.1.0", "volume", ["persistence", undefined]],
  ["gitea@12.1.0", "indexer", ["gitea.config.indexer", undefined]],
  ["gitea@12.1.0", "anti-affinity", ["affinity", undefined]],
  ["gitea@12.1.0", "budget", ["podDisruptionBudget", {}]],
  ["gitea@12.1.0", "image", ["image.tag", "latest-rootless-latest"]],
  ["gitea@12.1.0", "admin-default", ["gitea.admin", {}]],
  ["gitea@12.1.0", "sr-check", ["postgresql-ha", {}]],
];

describe("shipped rules", () => {
  test("find nothing in values that say everything", () => {
    for (const [pin, json] of Object.entries(GOOD))
      expect([pin, lint(pin, json)]).toEqual([pin, []]);
  });

  test("see each single thing that is missing or wrong, and nothing else", () => {
    for (const [pin, id, ...changes] of SABOTAGES) {
      const json = changes.reduce((one, [path, value]) => set(one, path, value), GOOD[pin] ?? {});
      const chart = pin.split("@")[0] ?? "";
      const found = lint(pin, json);
      // Without replication there is nothing left that the other rules ask for.
      expect([pin, changes, found]).toEqual([pin, changes, [`${chart}/${id}`]]);
    }
  });

  test("are all provoked by the test above", () => {
    for (const pin of Object.keys(GOOD)) {
      const { name: chart, version } = parsePin(pin);
      const provoked = new Set(SABOTAGES.filter(([one]) => one === pin).map(([, id]) => id));
      // The older charts share all other rules with the newer ones.
      if (pin === "postgresql-ha@12.0.1" || pin === "redis@18.6.1") continue;
      for (const one of requireSets(shippedRules(), { name: chart, version })) {
        for (const { id } of rulesFor(one, version))
          expect([pin, id, provoked.has(id)]).toEqual([pin, id, true]);
        for (const secret of one.secrets) {
          for (const { key, says } of secret.keys) {
            if (says !== undefined) expect([...provoked]).toContain(`${secret.id}.${key}`);
          }
        }
      }
    }
  });

  test("catch the incident: pgpool without the password of its streaming check, since half a year", () => {
    const incident = set(GOOD["postgresql-ha@16.3.4"] ?? {}, "pgpool.srCheckPassword", undefined);
    expect(lint("postgresql-ha@16.3.4", incident)).toEqual([
      "postgresql-ha/pgpool.sr-check-password",
    ]);
    const pinned = set(incident, "global.pgpool.srCheckPassword", "x");
    expect(lint("postgresql-ha@16.3.4", pinned)).toEqual([]);
  });

  test("know that pgpool-password is no key of a Secret", () => {
    const json = set(
      set(GOOD["postgresql-ha@16.3.4"] ?? {}, "pgpool.srCheckPassword", undefined),
      "pgpool.existingSecret",
      "pg-pool",
    );
    const secret = (keys: JsonMap): string =>
      stringify({ apiVersion: "v1", kind: "Secret", metadata: { name: "pg-pool" }, data: keys });
    expect(lint("postgresql-ha@16.3.4", json, secret({ "pgpool-password": "eA==" }))).toEqual([
      "postgresql-ha/pgpool.existing-secret",
      "postgresql-ha/pgpool.existing-secret",
      "postgresql-ha/pgpool.wrong-key",
    ]);
    const right = secret({ "admin-password": "eA==", "sr-check-password": "eA==" });
    expect(lint("postgresql-ha@16.3.4", json, right)).toEqual([]);
    // The same Secret deployed by the chart itself, also as a template in a text.
    expect(lint("postgresql-ha@16.3.4", set(json, "extraDeploy", [right]))).toEqual([]);
    const missing = secret({ "admin-password": "eA==" });
    expect(lint("postgresql-ha@16.3.4", set(json, "extraDeploy", [missing]))).toEqual([
      "postgresql-ha/pgpool.existing-secret",
    ]);
  });

  test("take a name that the operator gave the key of an existing Secret", () => {
    const json = set(GOOD["redis@20.1.0"] ?? {}, "auth", {
      existingSecret: "redis",
      existingSecretPasswordKey: "pw",
    });
    const secret = (key: string): string =>
      stringify({ kind: "Secret", metadata: { name: "redis" }, stringData: { [key]: "x" } });
    expect(lint("redis@20.1.0", json, secret("pw"))).toEqual([]);
    expect(lint("redis@20.1.0", json, secret("redis-password"))).toEqual([
      "redis/auth.existing-secret",
    ]);
  });

  test("accept other ways of keeping pods apart and images pinned", () => {
    const good = GOOD["postgresql-ha@16.3.4"] ?? {};
    const spread = [
      { maxSkew: 1, topologyKey: "kubernetes.io/hostname", whenUnsatisfiable: "DoNotSchedule" },
    ];
    const soft = [{ ...spread[0], whenUnsatisfiable: "ScheduleAnyway" }];
    const without = set(good, "pgpool.podAntiAffinityPreset", undefined);
    const id = "postgresql-ha/pgpool.anti-affinity";
    expect(
      lint("postgresql-ha@16.3.4", set(without, "pgpool.topologySpreadConstraints", spread)),
    ).toEqual([]);
    expect(
      lint("postgresql-ha@16.3.4", set(without, "pgpool.topologySpreadConstraints", soft)),
    ).toEqual([id]);
    expect(lint("postgresql-ha@16.3.4", set(without, "pgpool.affinity", APART))).toEqual([]);
    const digest = set(set(good, "pgpool.image.tag", undefined), "pgpool.image.digest", "sha256:x");
    expect(lint("postgresql-ha@16.3.4", digest)).toEqual([]);
    const global = set(
      set(good, "pgpool.image.registry", undefined),
      "global.imageRegistry",
      "r.example",
    );
    expect(lint("postgresql-ha@16.3.4", global)).toEqual([]);
  });

  test("say so when there are none for a chart or a version, instead of finding nothing", async () => {
    const none = await failureOf(() => requireSets(shippedRules(), parsePin("shop@1.0.0")));
    expect([none.exit, none.code]).toEqual(["usage", "NO_RULES"]);
    expect(none.hint).toContain("postgresql-ha");
    const version = await failureOf(() => requireSets(shippedRules(), parsePin("redis@99.0.0")));
    expect(version.hint).toContain(">=17 <22");
    // A prerelease of a version in range counts as in range.
    expect(requireSets(shippedRules(), parsePin("redis@20.0.0-rc.1"))).toHaveLength(1);
    for (const wrong of ["redis", "redis@", "redis@latest", "@1.0.0", "redis@1.2"]) {
      expect((await failureOf(() => parsePin(wrong))).code).toBe("CHART_INVALID");
    }
  });
});

describe("a rules file of one's own", () => {
  const rule = {
    id: "replicas",
    check: "minimum",
    path: "web.replicas",
    min: 2,
    says: "s",
    hint: "h",
  };
  const file = (change: JsonMap): string =>
    stringify({
      schema: "railiance.ha-rules/1",
      chart: "shop",
      sets: [{ versions: ">=1 <2", source: "us", rules: [rule] }],
      ...change,
    });

  test("is applied like a shipped one", () => {
    const own = parseRules(file({}), "own.yaml");
    const [found] = requireSets([own], parsePin("shop@1.5.0"));
    const findings = checkRules(
      values("web:\n  replicas: 1\n"),
      found ?? { versions: "", source: "", rules: [], secrets: [] },
      {
        chart: "shop",
        version: "1.5.0",
      },
    );
    expect(findings.map(({ id, at }) => [id, at?.line])).toEqual([["shop/replicas", 2]]);
  });

  test("knows that limits do not bring back a budget that is switched off", () => {
    const budget = { ...rule, check: "budget", path: undefined, min: undefined };
    const sets = [
      {
        versions: "1",
        source: "us",
        rules: [{ ...budget, create: "pdb.create", limits: ["pdb.minAvailable"] }],
      },
    ];
    const [own] = parseRules(file({ sets: JSON.parse(JSON.stringify(sets)) }), "own.yaml").sets;
    const check = (text: string): number =>
      own === undefined
        ? -1
        : checkRules(values(text), own, { chart: "shop", version: "1.0.0" }).length;
    expect(check("pdb: {minAvailable: 1}\n")).toBe(0);
    expect(check("pdb: {create: true}\n")).toBe(0);
    expect(check("pdb: {create: false, minAvailable: 1}\n")).toBe(1);
    expect(check("pdb: {}\n")).toBe(1);
  });

  test("that is wrong is refused with the place", async () => {
    const wrong: [string, string][] = [
      [file({ schema: "other" }), "schema"],
      [file({ extra: 1 }), "extra is not known"],
      [
        file({ sets: [{ versions: "newest", source: "us" }] }),
        "sets.0.versions is no range of versions",
      ],
      [
        file({ sets: [{ versions: "1", source: "us", rules: [{ ...rule, min: "2" }] }] }),
        "sets.0.rules.0.min must be number",
      ],
      [
        file({ sets: [{ versions: "1", source: "us", rules: [{ ...rule, path: "a b" }] }] }),
        "is no path",
      ],
      ["a: [\n", "own.yaml:"],
    ];
    for (const [text, says] of wrong) {
      const failure = await failureOf(() => parseRules(text, "own.yaml"));
      expect([failure.code, failure.exit]).toEqual(["RULES_INVALID", "usage"]);
      expect(failure.message).toContain(says);
    }
  });
});
