import { describe, expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { parse } from "yaml";
import { helmReleasesAsset } from "../../../src/assets/helm-releases.ts";
import { canonical, cluster } from "./golden.ts";
import { collect, page } from "./stand-in.ts";
import type { Collected } from "./stand-in.ts";
import { SECRETS, record, serving, helmPrinting, WEB } from "./release-support.ts";

describe("helm releases of a real helm", () => {
  async function collected(): Promise<Collected & { readonly calls: string[] }> {
    await using server = await serving(cluster.secrets.items, cluster.configMaps.items);
    await server.program("helm", helmPrinting(cluster.helm.list));
    const result = await collect(helmReleasesAsset(), server);
    return { ...result, calls: await server.calls() };
  }

  test("have the values, manifest and hooks that helm itself prints", async () => {
    const { files } = await collected();
    expect(cluster.helm.releases.length).toBeGreaterThan(8);
    for (const release of cluster.helm.releases) {
      const folder = `helm/${release.namespace}/${release.name}`;
      const read = (name: string): string => files.get(`${folder}/${name}`) ?? "missing";
      expect(canonical(parse(read("values.yaml")))).toBe(canonical(release.values));
      expect(canonical(parse(read("values-all.yaml")))).toBe(canonical(release.all));
      expect(`${read("manifest.yaml")}\n`).toBe(release.manifest);
      expect(files.get(`${folder}/hooks.yaml`) ?? "").toBe(release.hooks);
    }
  });

  test("have the history that helm prints, and every revision's raw record", async () => {
    const { files } = await collected();
    for (const { namespace, name, history } of cluster.helm.releases) {
      const folder = `helm/${namespace}/${name}`;
      const ours: Record<string, unknown>[] = JSON.parse(
        files.get(`${folder}/history.json`) ?? "[]",
      );
      const facts = ours.map(({ revision, status, chart }) => ({ revision, status, chart }));
      expect(facts).toEqual(
        history.map(({ revision, status, chart }) => ({ revision, status, chart })),
      );
      for (const { revision } of history) {
        expect(files.has(`${folder}/records/${revision}.json`)).toBe(true);
      }
    }
    const records = [...files.keys()].filter((path) => path.includes("/records/"));
    expect(records).toHaveLength(cluster.secrets.items.length + cluster.configMaps.items.length);
  });

  test("are named with chart and revision as helm lists them, failed and uninstalled ones too", async () => {
    const { releases, phrase, gaps, notes } = await collected();
    expect(gaps).toEqual([]);
    expect(notes).toEqual([]);
    const expected = cluster.helm.list.map((line) =>
      [line.namespace, line.name, line.revision, line.status, line.chart, line.app_version].join(
        " ",
      ),
    );
    const ours = releases.map((line) =>
      [
        line.namespace,
        line.name,
        line.revision,
        line.status,
        `${line.chart}-${line.chartVersion}`,
        line.appVersion ?? "",
      ].join(" "),
    );
    const inMap = ours.filter((line) => line.startsWith("apps in-a-map "));
    expect(ours.filter((line) => !inMap.includes(line)).toSorted()).toEqual(expected.toSorted());
    expect(inMap).toHaveLength(1);
    expect(new Set(releases.map((line) => line.status))).toEqual(
      new Set(["deployed", "failed", "uninstalled"]),
    );
    expect(phrase).toBe(
      `${expected.length + 1} helm releases, ${cluster.secrets.items.length + cluster.configMaps.items.length} revisions`,
    );
  });

  test("cost two processes of k3s, however many there are", async () => {
    expect((await collected()).calls).toHaveLength(2);
  });
});

describe("helm releases over many pages", () => {
  test("give each release its newest revision, wherever its records stand", async () => {
    await using server = await serving([]);
    // As etcd sorts names: v1, v10, v2; and a release called `a.v1` amid those of `a`.
    const order: [string, number][] = [
      ["a", 1],
      ["a", 10],
      ["a.v1", 1],
      ["a.v1", 2],
      ["a", 2],
      ["b", 1],
    ];
    for (const [index, [name, revision]] of order.entries()) {
      const next = index === order.length - 1 ? "" : `t${index + 1}`;
      const token = index === 0 ? "" : `t${index}`;
      await server.answer(SECRETS, page([record({ name, revision })], next), token);
    }
    const { releases, gaps, files } = await collect(helmReleasesAsset(), server);
    expect(gaps).toEqual([]);
    expect(releases.map((line) => `${line.name} ${line.revision}`).toSorted()).toEqual([
      "a 10",
      "a.v1 2",
      "b 1",
    ]);
    expect(files.get("helm/apps/a/manifest.yaml")).toBe("# revision 10\n");
    expect(files.has("helm/apps/a/records/1.json")).toBe(true);
  });

  test("hand a release over before the list ends, and say so when it changes after that", async () => {
    const others = ["b", "c", "d", "e", "f"].map((name) => record({ name }));
    await using server = await serving([record(), ...others, record({ revision: 2 })]);
    const { gaps, files, releases } = await collect(helmReleasesAsset(), server);
    expect(gaps.map((gap) => gap.code)).toEqual(["HELM_RELEASE_CHANGED"]);
    expect(gaps[0]?.message).toContain("apps/web got revision 2");
    expect(files.has("helm/apps/web/records/2.json")).toBe(true);
    expect(releases.filter((line) => line.name === "web")).toHaveLength(1);
  });

  test("keep a release that both drivers hold in two folders", async () => {
    const { type: _type, data, ...inMap } = record({ revision: 4 });
    const encoded = typeof data === "object" && data !== null ? Object.values(data)[0] : undefined;
    const release = Buffer.from(String(encoded), "base64").toString();
    await using server = await serving([record()], [{ ...inMap, data: { release } }]);
    // helm by itself looks at Secrets only.
    await server.program("helm", helmPrinting([WEB]));
    const { files, gaps } = await collect(helmReleasesAsset(), server);
    expect(gaps).toEqual([]);
    expect(files.get("helm/apps/web/manifest.yaml")).toBe("# revision 1\n");
    expect(files.get("helm/apps/web_configmap/manifest.yaml")).toBe("# revision 4\n");
  });

  test("release memory after large records, and not after small ones", async () => {
    const releases = async (manifest: string): Promise<number> => {
      const large = { name: "web", version: 1, manifest };
      const payload = gzipSync(JSON.stringify(large)).toString("base64");
      await using server = await serving([record({ payload }), record({ name: "b" })]);
      let count = 0;
      await collect(helmReleasesAsset({ releaseMemory: () => void (count += 1) }), server);
      return count;
    };
    expect(await releases("x".repeat(17 * 1024 * 1024))).toBe(1);
    expect(await releases("x")).toBe(0);
  });

  test("pass over objects that only have helm's label", async () => {
    const other = {
      metadata: { name: "mine", namespace: "apps", uid: "1", labels: { owner: "helm" } },
      data: { a: "" },
    };
    await using server = await serving([other], [other]);
    const { files, phrase, gaps } = await collect(helmReleasesAsset(), server);
    expect(files.size).toBe(0);
    expect(gaps).toEqual([]);
    expect(phrase).toBe("0 helm releases, 0 revisions");
  });
});
