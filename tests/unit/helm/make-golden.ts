/** Run by make-golden.sh: installs charts with the real helm and writes down what helm says of them. */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { toYaml } from "../../../src/assets/helm-yaml.ts";
import { values } from "./arbitraries.ts";

const { HELM = "", PARTS = "", WORK = "", KUBECONFIG = "" } = process.env;
const TESTDATA = join(import.meta.dirname, "../../testdata/helm");
const SEED = 20261123;

function helm(args: readonly string[], env: Record<string, string> = {}): string {
  return execFileSync(HELM, args, {
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
    env: { PATH: process.env["PATH"] ?? "", HOME: WORK, KUBECONFIG, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

function attempt(action: () => void): void {
  try {
    action();
  } catch {
    // A failed release is what was wanted.
  }
}

function put(path: string, content: string): void {
  mkdirSync(dirname(join(WORK, path)), { recursive: true });
  writeFileSync(join(WORK, path), content);
}

const MAP = `apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Release.Name }}-map"}
data: {a: "{{ .Values.a }}"}
`;

function chart(
  name: string,
  content: { readonly meta?: string; readonly values: string; readonly map?: string },
): void {
  put(
    `${name}/Chart.yaml`,
    `apiVersion: v2\nname: ${name.split("/").at(-1)}\nversion: 1.2.3\nappVersion: "9.9"\n${content.meta ?? ""}`,
  );
  put(`${name}/values.yaml`, content.values);
  put(`${name}/templates/map.yaml`, content.map ?? MAP);
}

function install(
  name: string,
  options: {
    readonly chart: string;
    readonly user?: string;
    readonly args?: string[];
    readonly env?: Record<string, string>;
  },
): void {
  put(`users/${name}.yaml`, options.user ?? "");
  const user = options.user === undefined ? [] : ["-f", join(WORK, `users/${name}.yaml`)];
  helm(
    [
      "upgrade",
      "--install",
      name,
      join(WORK, options.chart),
      "-n",
      "apps",
      "--create-namespace",
      ...user,
      ...(options.args ?? []),
    ],
    options.env,
  );
}

/** One release for each thing that helm does differently. */
function installKnownCases(): void {
  chart("plain", {
    values:
      "a: 1\ngone: keep\nnone: null\nm: {x: 1, y: null, z: {q: 1, r: null}}\nlist: [1, null, {k: null}]\nt: {a: 1}\ns: text\nbig: 12345678901234567890\n",
  });
  install("plain", { chart: "plain" });
  install("nulls", {
    chart: "plain",
    user: "gone: null\nnone: null\nunknown: null\nm: {x: null, y: null, new: null, z: {q: null}}\nlist: null\nt: text\ns: {a: null, b: 1}\nid: 123456789012345678\nf: 1e-7\n",
  });
  chart("parent", {
    meta: "dependencies:\n- {name: sub, version: 1.2.3, repository: '', alias: kid, import-values: [pub, {child: deep.inner, parent: fromkid}]}\n- {name: sub, version: 1.2.3, repository: '', alias: other, condition: other.enabled}\n",
    values:
      "a: 1\nkid: {over: parent, nothing: null, nested: {n1: null, o: 1}}\nother: {enabled: false}\nglobal: {g: 1, none: null, t: {p: 1}}\n",
  });
  const sub =
    "over: child\nown: true\nnested: {n1: 1, o: 2}\nexports: {pub: {imported: 1}}\ndeep: {inner: {p: 1}}\nglobal: {h: 1, t: {q: 1}}\n";
  chart("parent/charts/sub", { values: sub });
  // A subchart that Chart.yaml does not list: helm stores nothing of its defaults when no dependency is listed at all.
  chart("loose", { values: "a: 1\n" });
  chart("loose/charts/inner", { values: "lo: 1\nnested: {x: 1}\n" });
  install("subcharts", {
    chart: "parent",
    user: "kid: {own: null, nested: {o: null}}\nglobal: {g: null, user: 1}\nother: {enabled: true}\n",
  });
  install("subcharts-off", { chart: "parent", user: "other: {enabled: false, x: 1}\n" });
  install("loose", { chart: "loose", user: "inner: {mine: 1, no: null}\n" });
  for (let revision = 1; revision <= 12; revision += 1)
    install("many", { chart: "plain", user: `a: ${revision}\n` });
  helm(["rollback", "many", "5", "-n", "apps"]);
  chart("hooked", { values: "a: hook\n" });
  put(
    "hooked/templates/hook.yaml",
    MAP.replace("-map", "-hook").replace('"}', '", annotations: {"helm.sh/hook": pre-install}}'),
  );
  install("hooked", { chart: "hooked" });
  chart("broken", { values: "a: 1\n", map: MAP.replace("-map", "-NOT_A_NAME") });
  attempt(() => install("broken", { chart: "broken", user: "password: golden-secret\n" }));
  install("gone", { chart: "plain" });
  helm(["uninstall", "gone", "-n", "apps", "--keep-history"]);
  install("dotted.name", { chart: "plain", args: ["-n", "kube-system"] });
  install("in-a-map", { chart: "plain", user: "a: map\n", env: { HELM_DRIVER: "configmap" } });
}

/**
 * Random charts and users, written by our own YAML writer: what helm reads must
 * be what was written, or this fails; what it computes is what computedValues()
 * must agree with.
 */
function randomCases(): unknown[] {
  const samples = fc.sample(fc.tuple(values, values), { seed: SEED, numRuns: 150 });
  return samples.map(([defaults, user], index) => {
    const name = `case-${index}`;
    const yaml = toYaml(user);
    put(`${name}/Chart.yaml`, "apiVersion: v2\nname: case\nversion: 1.0.0\n");
    put(`${name}/values.yaml`, toYaml(defaults));
    put(`users/${name}.yaml`, yaml);
    const where = ["-n", "cases"];
    const file = join(WORK, `users/${name}.yaml`);
    helm(["install", name, join(WORK, name), ...where, "--create-namespace", "-f", file]);
    const read: unknown = JSON.parse(helm(["get", "values", name, ...where, "-o", "json"])) ?? {};
    if (canonical(read) !== canonical(user)) throw new Error(`helm reads otherwise:\n${yaml}`);
    const all: unknown = JSON.parse(helm(["get", "values", name, ...where, "--all", "-o", "json"]));
    return { defaults, user, yaml, all };
  });
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${canonical(inner)}`).join(",")}}`;
}

function saidByHelm(): unknown {
  const list: { name: string; namespace: string }[] = JSON.parse(
    helm(["list", "-A", "--max=0", "-o", "json"]),
  );
  const releases = list.map(({ name, namespace }) => {
    const get = (...args: string[]): unknown =>
      JSON.parse(helm(["get", ...args, name, "-n", namespace, "-o", "json"]));
    return {
      namespace,
      name,
      values: get("values"),
      all: get("values", "--all"),
      manifest: helm(["get", "manifest", name, "-n", namespace]),
      hooks: helm(["get", "hooks", name, "-n", namespace]),
      history: JSON.parse(
        helm(["history", name, "-n", namespace, "--max", "100", "-o", "json"]),
      ) as unknown,
    };
  });
  return { list, releases };
}

function raw(path: string): unknown {
  return JSON.parse(
    execFileSync(PARTS, ["kubectl", "get", "--raw", `${path}?labelSelector=owner%3Dhelm`], {
      encoding: "utf8",
      maxBuffer: 1 << 28,
    }),
  );
}

function save(name: string, content: unknown): void {
  writeFileSync(join(TESTDATA, name), gzipSync(JSON.stringify(content), { level: 9 }));
}

mkdirSync(TESTDATA, { recursive: true });
installKnownCases();
save("cluster.json.gz", {
  secrets: raw("/api/v1/secrets"),
  configMaps: raw("/api/v1/configmaps"),
  helm: saidByHelm(),
});
save("random-values.json.gz", randomCases());
