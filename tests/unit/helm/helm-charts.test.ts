import { describe, expect, test } from "bun:test";
import { parse } from "yaml";
import { chartValues } from "../../../src/assets/helm-chart-values.ts";
import { helmChartsAsset } from "../../../src/assets/helm-charts.ts";
import { collect, page, standIn } from "./stand-in.ts";
import type { StandIn } from "./stand-in.ts";

const CHARTS = "/apis/helm.cattle.io/v1/helmcharts";
const CONFIGS = "/apis/helm.cattle.io/v1/helmchartconfigs";
const SECRET = "s3cret-value";

/** Traefik as K3s's deploy controller puts it into the cluster. */
const TRAEFIK = {
  apiVersion: "helm.cattle.io/v1",
  kind: "HelmChart",
  metadata: {
    annotations: {
      "helmcharts.cattle.io/managed-by": "helm-controller",
      "objectset.rio.cattle.io/applied": "H4sIAAAA",
      "objectset.rio.cattle.io/owner-name": "traefik",
    },
    creationTimestamp: "2026-11-23T14:53:02Z",
    finalizers: ["wrangler.cattle.io/on-helm-chart-remove"],
    generation: 1,
    labels: { "objectset.rio.cattle.io/hash": "92a8" },
    managedFields: [{ manager: "deploy@server" }],
    name: "traefik",
    namespace: "kube-system",
    resourceVersion: "306",
    uid: "3f6e",
  },
  spec: {
    chart: "https://%{KUBERNETES_API}%/static/charts/traefik-39.0.0+up39.0.0.tgz",
    set: { "global.systemDefaultRegistry": "" },
    valuesContent:
      "# K3s's own\npriorityClassName: system-cluster-critical\nservice:\n  ipFamilyPolicy: PreferDualStack\n",
  },
  status: { jobName: "helm-install-traefik" },
};

const CONFIG = {
  apiVersion: "helm.cattle.io/v1",
  kind: "HelmChartConfig",
  metadata: { name: "traefik", namespace: "kube-system", uid: "77", resourceVersion: "9" },
  spec: { valuesContent: `# keep me\ndashboard:\n  password: ${SECRET}\n` },
};

async function serving(charts: unknown, configs: unknown): Promise<StandIn> {
  const server = await standIn();
  await server.answer(CHARTS, page(charts));
  await server.answer(CONFIGS, page(configs));
  return server;
}

describe("helmChartsAsset()", () => {
  test("saves an object as it was applied: nothing of the server's, nothing of K3s's controllers'", async () => {
    await using server = await serving([TRAEFIK], [CONFIG]);
    const { files, gaps, notes, phrase } = await collect(helmChartsAsset(), server);
    expect(parse(files.get("helm-charts/kube-system/helmchart-traefik.yaml") ?? "")).toEqual({
      apiVersion: "helm.cattle.io/v1",
      kind: "HelmChart",
      metadata: {
        annotations: { "helmcharts.cattle.io/managed-by": "helm-controller" },
        name: "traefik",
        namespace: "kube-system",
      },
      spec: TRAEFIK.spec,
    });
    expect(gaps).toEqual([]);
    expect(notes).toEqual([]);
    expect(phrase).toBe("1 HelmChart, 1 HelmChartConfig");
  });

  test("puts the values beside it: the text as written, with `set` over it where there is one", async () => {
    await using server = await serving([TRAEFIK], [CONFIG]);
    const { files } = await collect(helmChartsAsset(), server);
    expect(files.get("helm-charts/kube-system/helmchartconfig-traefik-values.yaml")).toBe(
      CONFIG.spec.valuesContent,
    );
    expect(parse(files.get("helm-charts/kube-system/helmchart-traefik-values.yaml") ?? "")).toEqual(
      {
        priorityClassName: "system-cluster-critical",
        service: { ipFamilyPolicy: "PreferDualStack" },
        global: { systemDefaultRegistry: "" },
      },
    );
  });

  test("makes no values file for an object without values", async () => {
    await using server = await serving([{ ...TRAEFIK, spec: { chart: "x" } }], null);
    const { files, phrase } = await collect(helmChartsAsset(), server);
    expect([...files.keys()]).toEqual(["helm-charts/kube-system/helmchart-traefik.yaml"]);
    expect(phrase).toBe("1 HelmChart, 0 HelmChartConfigs");
  });

  test("notes that the cluster does not know these kinds, which is no gap", async () => {
    await using server = await standIn();
    const { files, gaps, notes } = await collect(helmChartsAsset(), server);
    expect(files.size).toBe(0);
    expect(gaps).toEqual([]);
    expect(notes).toHaveLength(2);
    expect(notes[0]).toContain("no HelmCharts");
  });

  test("reports what cannot be read, and reads the other kind all the same", async () => {
    await using server = await serving([TRAEFIK], [CONFIG]);
    await server.answer(
      CHARTS,
      "The connection to the server 127.0.0.1:6443 was refused\n",
      ".error",
    );
    await server.answer(CHARTS, "Error from server (Forbidden): no\n", "error");
    const { files, gaps } = await collect(helmChartsAsset(), server);
    expect(gaps.map((gap) => gap.code)).toEqual(["HELM_CHARTS_UNREADABLE"]);
    expect(files.has("helm-charts/kube-system/helmchartconfig-traefik.yaml")).toBe(true);
  });

  test("leaves out an object whose name could lead out of its folder, and says so", async () => {
    const evil = { ...TRAEFIK, metadata: { ...TRAEFIK.metadata, namespace: "../../etc" } };
    await using server = await serving([evil], [CONFIG]);
    const { files, gaps } = await collect(helmChartsAsset(), server);
    expect(gaps.map((gap) => gap.code)).toEqual(["HELM_CHART_NAME"]);
    for (const path of files.keys()) expect(path).not.toContain("..");
  });

  test("keeps charts `a` and `a-values` apart", async () => {
    const named = (name: string): unknown => ({ ...TRAEFIK, metadata: { name, namespace: "x" } });
    await using server = await serving([named("a"), named("a-values")], null);
    const { files } = await collect(helmChartsAsset(), server);
    expect(files.size).toBe(4);
    expect(files.get("helm-charts/x/helmchart-a-values_.yaml")).toContain("kind: HelmChart");
  });

  test("says which part of `set` is not in the values file, but never its value", async () => {
    const spec = { set: { "list{": SECRET, ok: "1" } };
    await using server = await serving([{ ...TRAEFIK, spec }], [CONFIG]);
    const { files, notes, gaps } = await collect(helmChartsAsset(), server);
    expect(notes).toHaveLength(1);
    expect(notes[0]).toContain("list{");
    expect(JSON.stringify([notes, gaps])).not.toContain("s3cret");
    expect(files.get("helm-charts/kube-system/helmchart-traefik-values.yaml")).toBe('ok: "1"\n');
    expect(files.get("helm-charts/kube-system/helmchart-traefik.yaml")).toContain(SECRET);
  });
});

describe("chartValues()", () => {
  function valuesOf(spec: Record<string, unknown>): unknown {
    return parse(chartValues(spec).yaml ?? "null");
  }

  test("types what `set` holds as K3s's controller does", () => {
    const set = {
      int: 5,
      yes: "TRUE",
      no: "false",
      nothing: "null",
      number: "5",
      text: "a,b",
      empty: "",
      slash: "a\\nb",
    };
    expect(valuesOf({ set })).toEqual({
      int: 5,
      yes: true,
      no: false,
      nothing: null,
      number: "5",
      text: "a,b",
      empty: "",
      slash: "anb",
    });
  });

  test("follows the paths of `set`: tables, escaped dots, list places", () => {
    const set = { "a.b\\.c": "1", "a.list[1].x": "2", "m[0][1]": 3 };
    expect(valuesOf({ valuesContent: "a: {k: 1}", set })).toEqual({
      a: { k: 1, "b.c": "1", list: [null, { x: "2" }] },
      m: [[null, 3]],
    });
  });

  test("lets `values` win over `valuesContent`, and `set` over both", () => {
    const spec = {
      valuesContent: "a: {k: 1, l: 1, m: 1}",
      values: { a: { l: 2, m: 2 } },
      set: { "a.m": 3 },
    };
    expect(valuesOf(spec)).toEqual({ a: { k: 1, l: 2, m: 3 } });
  });

  test("reads valuesContent as helm does: YAML 1.1, but dates and times stay text", () => {
    const valuesContent =
      "a: yes\nd: 2001-01-01\nt: 12:30:45\no: 0777\nb: &x {c: 1}\ne: {<<: *x}\n";
    expect(valuesOf({ valuesContent, set: { z: 1 } })).toEqual({
      a: true,
      d: "2001-01-01",
      t: "12:30:45",
      o: 511,
      b: { c: 1 },
      e: { c: 1 },
      z: 1,
    });
  });

  test("keeps a valuesContent that is no YAML map as it is, and says what is left out", () => {
    for (const valuesContent of ["a: [", "- a\n", "text"]) {
      const { yaml, leftOut } = chartValues({ valuesContent, set: { a: 1 } });
      expect(yaml).toBe(valuesContent);
      expect(leftOut).toHaveLength(1);
    }
  });

  test("leaves out what has no place in the values", () => {
    const set = { "a.b": 1, "l.x": 1, "": 1, "q=": 1, "p,": 1, "end.": 1, "br[": 1, tail: "{a,b}" };
    const { leftOut } = chartValues({ valuesContent: "a: text\nl: [1]\n", set });
    expect(leftOut).toHaveLength(Object.keys(set).length);
  });

  test("does not reach the prototype through a path", () => {
    chartValues({ set: { "__proto__.polluted": "yes", "constructor.prototype.polluted": "yes" } });
    expect("polluted" in {}).toBe(false);
  });
});
