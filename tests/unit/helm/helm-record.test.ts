import { describe, expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { OperatorError } from "../../../src/errors.ts";
import { decodeRelease } from "../../../src/assets/helm-record.ts";
import { identify, isSafe, payloadOf, recordJson } from "../../../src/assets/helm-record-object.ts";
import { text, values } from "./arbitraries.ts";
import { canonical, cluster } from "./golden.ts";

const SECRET = "s3cret-value";

function encode(release: unknown): string {
  return gzipSync(JSON.stringify(release)).toString("base64");
}

function release(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    name: "web",
    namespace: "apps",
    version: 3,
    info: {
      status: "deployed",
      first_deployed: "2026-11-23T14:53:02Z",
      last_deployed: "0001-01-01T00:00:00Z",
      deleted: "",
    },
    chart: { metadata: { name: "nginx", version: "1.2.3", appVersion: "9" }, values: { a: 1 } },
    config: { password: SECRET },
    manifest: "---\n",
    ...changes,
  };
}

/** The reason why a record is refused, after making sure that it tells nothing of its content. */
function refusal(encoded: string, options: { readonly maxSize?: number } = {}): string {
  try {
    decodeRelease(encoded, options);
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    expect(error.code).toBe("HELM_RELEASE_UNREADABLE");
    expect(JSON.stringify([error.message, error.hint, String(error.cause)])).not.toContain(
      "s3cret",
    );
    return error.message;
  }
  throw new Error("nothing was thrown");
}

describe("decodeRelease()", () => {
  test("gives back the values, the manifest and the hooks that were encoded, whatever they hold", () => {
    const hooks = fc.array(fc.record({ path: text, manifest: text }), { maxLength: 3 });
    fc.assert(
      fc.property(values, values, text, hooks, (config, defaults, manifest, hookList) => {
        const chart = { metadata: { name: "c", version: "1.0.0" }, values: defaults };
        const record = decodeRelease(encode(release({ config, chart, manifest, hooks: hookList })));
        expect(canonical(record.config)).toBe(canonical(config));
        expect(canonical(record.chartValues)).toBe(canonical(defaults));
        expect(record.manifest).toBe(manifest);
        expect(canonical(record.hooks)).toBe(canonical(hookList));
      }),
    );
  });

  test("gives the facts of a release, without times that never were", () => {
    const record = decodeRelease(encode(release()));
    expect(record.name).toBe("web");
    expect(record.revision).toBe(3);
    expect(record.status).toBe("deployed");
    expect(record.firstDeployed).toBe("2026-11-23T14:53:02Z");
    expect("deleted" in record).toBe(false);
    expect("lastDeployed" in record).toBe(false);
    expect(record.chart.name).toBe("nginx");
    expect(record.chart.appVersion).toBe("9");
  });

  test("reads a record from before helm compressed them, and one with line breaks in its base64", () => {
    const plain = Buffer.from(JSON.stringify(release())).toString("base64");
    expect(decodeRelease(plain).name).toBe("web");
    expect(decodeRelease(plain.replaceAll(/(.{76})/gu, "$1\r\n")).name).toBe("web");
  });

  test("takes what Go's JSON decoder takes: missing and null fields", () => {
    const record = decodeRelease(
      encode({ name: "x", info: null, chart: null, hooks: null, config: null }),
    );
    expect(record.status).toBe("unknown");
    expect(record.chart.name).toBe("MISSING");
    expect(record.config).toBeUndefined();
  });

  test("refuses what is not base64", () => {
    expect(refusal("")).toContain("JSON");
    expect(refusal(`${SECRET}!`)).toContain("base64");
    expect(refusal(encode(release()).slice(0, -3))).toContain("base64");
  });

  test("refuses damaged gzip data", () => {
    const bytes = gzipSync(JSON.stringify(release()));
    expect(refusal(bytes.subarray(0, -10).toString("base64"))).toContain("damaged");
    const flipped = Buffer.from(bytes);
    flipped[bytes.length - 6] = (flipped[bytes.length - 6] ?? 0) ^ 1; // the checksum
    expect(refusal(flipped.toString("base64"))).toContain("damaged");
    expect(refusal(Buffer.concat([bytes, Buffer.from("more")]).toString("base64"))).toContain(
      "damaged",
    );
  });

  test("refuses a record that unpacks to more than the bound, and takes one at the bound", () => {
    const json = JSON.stringify(release());
    const encoded = gzipSync(json).toString("base64");
    expect(decodeRelease(encoded, { maxSize: json.length }).name).toBe("web");
    expect(refusal(encoded, { maxSize: json.length - 1 })).toContain("more than");
    const bomb = gzipSync(new Uint8Array(80 * 1024 * 1024)).toString("base64");
    expect(refusal(bomb)).toContain("more than 67108864 bytes");
  });

  test("refuses what is not JSON, and JSON of another shape, without quoting it", () => {
    expect(refusal(gzipSync(`{"config": ${SECRET}}`).toString("base64"))).toContain("JSON");
    expect(refusal(encode([SECRET]))).toContain("unexpected");
    expect(refusal(encode({ config: { a: SECRET } }))).toContain("name");
    expect(refusal(encode(release({ config: SECRET })))).toBe("has an unexpected config");
    expect(refusal(encode(release({ version: SECRET })))).toBe("has an unexpected version");
    expect(refusal(encode(release({ info: { status: [SECRET] } })))).toBe(
      "has an unexpected info.status",
    );
    expect(refusal(encode(release({ chart: { metadata: { name: [SECRET] } } })))).toContain(
      "chart",
    );
  });

  test("never throws anything but a reason, whatever bytes it gets", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, packed) => {
        const encoded = Buffer.from(packed ? gzipSync(bytes) : bytes).toString("base64");
        try {
          decodeRelease(encoded);
        } catch (error) {
          expect(error instanceof OperatorError).toBe(true);
        }
      }),
    );
  });

  test("decodes every record that the real helm wrote, from both drivers", () => {
    let count = 0;
    for (const [items, driver] of [
      [cluster.secrets.items, "Secret"],
      [cluster.configMaps.items, "ConfigMap"],
    ] as const) {
      for (const item of items) {
        const identity = identify(item, driver);
        const record = decodeRelease(payloadOf(item, driver));
        expect(identity?.release).toEqual({ name: record.name, revision: record.revision });
        expect(identity?.namespace).toBe(record.namespace);
        expect(identity?.status).toBe(record.status);
        count += 1;
      }
    }
    expect(count).toBeGreaterThan(15);
  });
});

describe("identify()", () => {
  const named = (name: string, labels: Record<string, string> = {}): Record<string, unknown> => ({
    metadata: { name, namespace: "apps", labels: { owner: "helm", ...labels } },
    data: {},
  });

  test("passes over objects that only have the label", () => {
    expect(identify(named("something"), "Secret")).toBeUndefined();
  });

  test("goes by the object's name, then by its labels", () => {
    const byName = identify(
      named("sh.helm.release.v1.a.b.v1.v12", { name: "x", version: "1" }),
      "Secret",
    );
    expect(byName?.release).toEqual({ name: "a.b.v1", revision: 12 });
    const other = { ...named("odd", { name: "x", version: "7" }), type: "helm.sh/release.v1" };
    expect(identify(other, "Secret")?.release).toEqual({ name: "x", revision: 7 });
    expect(
      identify({ ...named("odd"), data: { release: "" } }, "ConfigMap")?.release,
    ).toBeUndefined();
  });

  test("finds names unsafe that could lead out of their folder", () => {
    const safe = (namespace: string, name: string): boolean => {
      const object = { metadata: { namespace, name: `sh.helm.release.v1.${name}.v1` } };
      const identity = identify(object, "Secret");
      return identity !== undefined && isSafe(identity);
    };
    expect(safe("apps", "web")).toBe(true);
    expect(safe("apps", "my.web-1")).toBe(true);
    for (const bad of [
      "..",
      "a..b",
      "a/b",
      "../x",
      ".a",
      "a.",
      "A",
      "a_b",
      "a\u0000",
      "a\nb",
      "-a",
    ]) {
      expect(safe("apps", bad)).toBe(false);
      expect(safe(bad, "web")).toBe(false);
    }
    expect(safe("", "web")).toBe(false);
    const odd = { metadata: { namespace: "apps", name: "../odd" }, data: { release: "" } };
    const identity = identify(odd, "ConfigMap");
    expect(identity !== undefined && isSafe(identity)).toBe(false);
    expect(safe("a.b", "web")).toBe(false);
  });
});

describe("recordJson()", () => {
  test("gives an object that can be created again, without the server's noise", () => {
    const [item] = cluster.secrets.items;
    if (item === undefined) throw new Error("no golden record");
    const json: unknown = JSON.parse(recordJson(item, "Secret"));
    expect(canonical(json)).toContain('"apiVersion":"v1"');
    expect(canonical(json)).toContain('"kind":"Secret"');
    expect(canonical(json)).toContain(canonical(item["data"]));
    expect(canonical(json)).toContain('"uid":');
    expect(canonical(json)).not.toContain("managedFields");
    expect(canonical(json)).not.toContain("resourceVersion");
  });
});
