import { describe, expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { parse } from "yaml";
import { OperatorError } from "../../../src/errors.ts";
import { helmReleasesAsset } from "../../../src/assets/helm-releases.ts";
import { canonical, cluster } from "./golden.ts";
import { collect, page, standIn } from "./stand-in.ts";
import type { Collected, StandIn } from "./stand-in.ts";

const SECRETS = "/api/v1/secrets";
const CONFIG_MAPS = "/api/v1/configmaps";
const SECRET = "s3cret-value";

interface RecordOptions {
  readonly namespace?: string;
  readonly name?: string;
  readonly revision?: number;
  /** Text instead of an encoded record. */
  readonly payload?: string;
  readonly objectName?: string;
}

/** A release Secret as the API gives it. */
function record(options: RecordOptions = {}): Record<string, unknown> {
  const { namespace = "apps", name = "web", revision = 1 } = options;
  const release = {
    name,
    namespace,
    version: revision,
    info: { status: "deployed", description: "Install complete" },
    chart: { metadata: { name: "nginx", version: "1.2.3" }, values: { a: 1, b: 2 } },
    config: { a: revision, password: SECRET },
    manifest: `# revision ${revision}\n`,
  };
  const payload = options.payload ?? gzipSync(JSON.stringify(release)).toString("base64");
  const objectName = options.objectName ?? `sh.helm.release.v1.${name}.v${revision}`;
  return {
    metadata: {
      name: objectName,
      namespace,
      uid: `${namespace}/${objectName}`,
      resourceVersion: "7",
      managedFields: [{ manager: "Helm" }],
      labels: { owner: "helm", status: "deployed" },
    },
    type: "helm.sh/release.v1",
    data: { release: Buffer.from(payload).toString("base64") },
  };
}

async function serving(secrets: unknown[], configMaps: unknown[] = []): Promise<StandIn> {
  const server = await standIn();
  await server.answer(SECRETS, page(secrets));
  await server.answer(CONFIG_MAPS, page(configMaps));
  return server;
}

/** `helm` that prints a list of releases whatever it is asked. */
function helmPrinting(list: unknown): string {
  return `#!/bin/sh\n/bin/cat <<'END'\n${JSON.stringify(list)}\nEND\n`;
}

const WEB = {
  name: "web",
  namespace: "apps",
  revision: "1",
  status: "deployed",
  chart: "nginx-1.2.3",
};

function codes(collected: Collected): string[] {
  return collected.gaps.map((gap) => gap.code);
}

/** Neither gaps nor notes nor the manifest's lines tell a secret. */
function expectNoSecret({ gaps, notes, releases, phrase }: Collected): void {
  const said = JSON.stringify({ gaps, notes, releases, phrase });
  expect(said).not.toContain("s3cret");
  expect(said).not.toContain(Buffer.from(SECRET).toString("base64").slice(0, 8));
}

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

describe("a helm release record that cannot be decoded", () => {
  test("is a gap that names it, is saved all the same, and hides no other", async () => {
    await using server = await serving([
      record(),
      record({ revision: 2, payload: `${SECRET}!` }),
      record({ name: "other" }),
    ]);
    const collected = await collect(helmReleasesAsset(), server);
    expect(codes(collected)).toEqual(["HELM_RELEASE_UNREADABLE"]);
    expect(collected.gaps[0]?.message).toContain("apps/web revision 2");
    expectNoSecret(collected);
    expect(collected.files.has("helm/apps/web/records/2.json")).toBe(true);
    expect(collected.releases.map((line) => `${line.name} ${line.revision}`)).toEqual([
      "web 1",
      "other 1",
    ]);
    const history: unknown = JSON.parse(collected.files.get("helm/apps/web/history.json") ?? "");
    expect(JSON.stringify(history)).toContain(
      '{"revision":2,"status":"deployed","readable":false}',
    );
  });

  test("may be the only one of its release", async () => {
    await using server = await serving([record({ payload: "" })]);
    const collected = await collect(helmReleasesAsset(), server);
    expect(codes(collected)).toEqual(["HELM_RELEASE_UNREADABLE"]);
    expect([...collected.files.keys()].toSorted()).toEqual([
      "helm/apps/web/history.json",
      "helm/apps/web/records/1.json",
    ]);
  });

  test("may lack its data, or its Secret's own base64 may be damaged", async () => {
    const noData = { ...record(), data: null };
    const noBase64 = { ...record({ name: "b" }), data: { release: `${SECRET}!` } };
    await using server = await serving([noData, noBase64]);
    const collected = await collect(helmReleasesAsset(), server);
    expect(codes(collected)).toEqual(["HELM_RELEASE_UNREADABLE", "HELM_RELEASE_UNREADABLE"]);
    expectNoSecret(collected);
  });

  test("may not even say whose it is", async () => {
    const odd = record({ objectName: "odd", payload: "" });
    await using server = await serving([odd]);
    const collected = await collect(helmReleasesAsset(), server);
    expect(collected.gaps[0]?.message).toContain("Secret apps/odd");
    expect([...collected.files.keys()]).toEqual(["helm/apps/_records/secret-odd.json"]);
  });

  test("is left out when its name could lead out of its folder", async () => {
    await using server = await serving([
      record({ name: "../../etc" }),
      record({ namespace: "../x" }),
      record(),
    ]);
    const collected = await collect(helmReleasesAsset(), server);
    expect(codes(collected)).toEqual(["HELM_RELEASE_NAME", "HELM_RELEASE_NAME"]);
    for (const path of collected.files.keys()) expect(path.startsWith("helm/apps/web/")).toBe(true);
  });
});

describe("an API server that does not answer", () => {
  test("is a gap, and what was read before is kept", async () => {
    await using server = await serving([]);
    await server.answer(SECRETS, page([record()], "t1"));
    await server.answer(
      SECRETS,
      "The connection to the server 127.0.0.1:6443 was refused",
      "t1.error",
    );
    await server.program("helm", "#!/bin/sh\necho called >>@FOLDER@/helm-calls\n");
    const collected = await collect(helmReleasesAsset(), server);
    expect(codes(collected)).toEqual(["HELM_RELEASES_UNREADABLE"]);
    expect(collected.gaps[0]?.message).toContain("refused");
    expect(collected.releases).toHaveLength(1);
    // helm is not asked: all it knows beyond that would be gaps.
    expect(await server.calls()).toHaveLength(3);
  });

  test("is a gap when k3s prints garbage", async () => {
    await using server = await standIn();
    await server.program("k3s", `#!/bin/sh\necho '{"items": [{"${SECRET}'\n`);
    const collected = await collect(helmReleasesAsset(), server);
    expect(codes(collected)).toEqual(["HELM_RELEASES_UNREADABLE", "HELM_RELEASES_UNREADABLE"]);
    expectNoSecret(collected);
  });

  test("is a gap when k3s hangs", async () => {
    await using server = await standIn();
    await server.program("k3s", "#!/bin/sh\nexec /bin/sleep 60\n");
    const collected = await collect(helmReleasesAsset({ kubectlTimeout: 150 }), server);
    expect(codes(collected)).toEqual(["HELM_RELEASES_UNREADABLE", "HELM_RELEASES_UNREADABLE"]);
  });
});

describe("an interruption", () => {
  for (const program of ["k3s", "helm"]) {
    test(`ends the run while ${program} is running, with its own reason`, async () => {
      const controller = new AbortController();
      await using server = await standIn({ signal: controller.signal });
      await server.answer(SECRETS, page([]));
      await server.answer(CONFIG_MAPS, page([]));
      await server.program(program, "#!/bin/sh\nexec /bin/sleep 60\n");
      setTimeout(
        () => controller.abort(new OperatorError("interrupted", "INTERRUPTED", "stopped")),
        150,
      );
      let reason: unknown;
      try {
        await collect(helmReleasesAsset(), server);
      } catch (error) {
        reason = error;
      }
      expect(reason instanceof OperatorError && reason.code).toBe("INTERRUPTED");
    });
  }
});

describe("helm as a witness", () => {
  async function withHelm(script: string | undefined, timeout?: number): Promise<Collected> {
    await using server = await serving([record()]);
    if (script !== undefined) await server.program("helm", script);
    const options = timeout === undefined ? {} : { helmTimeout: timeout };
    const collected = await collect(helmReleasesAsset(options), server);
    expect(collected.releases).toHaveLength(1);
    expectNoSecret(collected);
    return collected;
  }

  test("agrees: nothing to say", async () => {
    const { gaps, notes } = await withHelm(helmPrinting([WEB]));
    expect(gaps).toEqual([]);
    expect(notes).toEqual([]);
  });

  test("is missing: a note, no gap", async () => {
    const { gaps, notes } = await withHelm(undefined);
    expect(gaps).toEqual([]);
    expect(notes).toEqual([
      "helm is not on PATH; release records were read from the cluster itself",
    ]);
  });

  test("knows a release that was not found: a gap", async () => {
    const collected = await withHelm(helmPrinting([WEB, { ...WEB, namespace: "db", name: "pg" }]));
    expect(codes(collected)).toEqual(["HELM_RELEASE_MISSING"]);
    expect(collected.gaps[0]?.message).toContain("db/pg");
  });

  test("has another revision or another chart: a gap", async () => {
    expect(codes(await withHelm(helmPrinting([{ ...WEB, revision: "2" }])))).toEqual([
      "HELM_RELEASE_DIFFERS",
    ]);
    expect(codes(await withHelm(helmPrinting([{ ...WEB, chart: "nginx-2.0.0" }])))).toEqual([
      "HELM_RELEASE_DIFFERS",
    ]);
  });

  const failing: [string, string][] = [
    ["exits non-zero", `#!/bin/sh\necho '[]'\necho 'Error: cluster unreachable' >&2\nexit 1\n`],
    ["prints garbage", `#!/bin/sh\necho 'NAME ${SECRET}'\n`],
    ["prints nothing", `#!/bin/sh\nexit 0\n`],
    ["prints JSON that is no list of releases", `#!/bin/sh\necho '[{"${SECRET}": 1}]'\n`],
    ["dies by a signal", `#!/bin/sh\nkill -9 $$\n`],
    ["prints without end", `#!/bin/sh\nexec /usr/bin/yes\n`],
  ];
  for (const [what, script] of failing) {
    test(`${what}: one gap HELM_CHECK_FAILED, and the releases are saved`, async () => {
      expect(codes(await withHelm(script))).toEqual(["HELM_CHECK_FAILED"]);
    });
  }

  test("hangs: a gap, after its time is up", async () => {
    const collected = await withHelm("#!/bin/sh\nexec /bin/sleep 60\n", 150);
    expect(codes(collected)).toEqual(["HELM_CHECK_FAILED"]);
    expect(collected.gaps[0]?.message).toContain("no answer");
  });

  test("is a file that is no program: a gap", async () => {
    expect(codes(await withHelm("\u0000 no program"))).toEqual(["HELM_CHECK_FAILED"]);
  });

  test("gets our kubeconfig, all statuses, no limit, and no home to write to or load plugins from", async () => {
    await using server = await serving([record()]);
    await server.program(
      "helm",
      `#!/bin/sh\n/usr/bin/env >@FOLDER@/env\necho "$*" >@FOLDER@/args\necho '[]'\n`,
    );
    await collect(helmReleasesAsset(), server);
    const env = await readFile(`${server.folder}/env`, "utf8");
    expect(env).toContain("KUBECONFIG=/config\n");
    for (const name of ["HOME", "HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"]) {
      expect(`\n${env}`).toContain(`\n${name}=/proc/`);
    }
    const args = await readFile(`${server.folder}/args`, "utf8");
    expect(args).toContain("list --all-namespaces --max=0 ");
    for (const status of [
      "deployed",
      "failed",
      "pending",
      "superseded",
      "uninstalled",
      "uninstalling",
    ]) {
      expect(args).toContain(` --${status} `);
    }
  });
});
