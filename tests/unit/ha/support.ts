/** Values as text, and a cluster of recorded answers with a helm release in it. */
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { parseValues } from "../../../src/ha/parse-values.ts";
import { page, standIn } from "../helm/stand-in.ts";
import type { MapNode } from "../../../src/ha/value-node.ts";
import type { StandIn } from "../helm/stand-in.ts";

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonMap = { [key: string]: Json };

export function values(text: string, file = "values.yaml"): MapNode {
  return parseValues(text, { file }).root;
}

/** Values as JSON, which is YAML too. */
export function fromJson(json: JsonMap, file = "values.yaml"): MapNode {
  return values(JSON.stringify(json), file);
}

const key = fc.constantFrom("a", "b", "c", "replicas", "on", "x.y", "password", "__proto__");
const leaf = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.integer({ min: -1000, max: 1000 }),
  fc.constantFrom("", "x", "yes", "017", "1e3", "null", "ü"),
);

/** Random values with few keys, so that two of them meet. */
export const anyValues: fc.Arbitrary<JsonMap> = fc.letrec<{ value: Json; map: JsonMap }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    leaf,
    fc.array(tie("value"), { maxLength: 3 }),
    tie("map"),
  ),
  map: fc.dictionary(key, tie("value"), { maxKeys: 4 }),
})).map;

export interface FakeRelease {
  readonly namespace: string;
  readonly name: string;
  readonly revision: number;
  readonly status?: string;
  readonly chart: { readonly name: string; readonly version: string };
  readonly config: JsonMap | null;
}

/** A release record as the API server serves it. */
export function recordOf(release: FakeRelease): Record<string, unknown> {
  const { namespace, name, revision, chart, config } = release;
  const record = {
    name,
    namespace,
    version: revision,
    info: { status: release.status ?? "deployed" },
    chart: { metadata: chart, values: {} },
    config,
    manifest: "",
  };
  const packed = gzipSync(JSON.stringify(record)).toString("base64");
  return {
    apiVersion: "v1",
    kind: "Secret",
    type: "helm.sh/release.v1",
    metadata: {
      namespace,
      name: `sh.helm.release.v1.${name}.v${revision}`,
      uid: `${name}-${revision}`,
      labels: { owner: "helm", name, version: String(revision) },
    },
    data: { release: Buffer.from(packed).toString("base64") },
  };
}

export type FakeSecrets = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** A cluster with releases and Secrets of one namespace `db`. */
export async function cluster(
  releases: readonly FakeRelease[],
  secrets: FakeSecrets = {},
): Promise<StandIn> {
  const stand = await standIn();
  await stand.answer("/api/v1/namespaces/db/secrets", page(releases.map(recordOf)));
  await stand.answer("/api/v1/namespaces/db/configmaps", page(null));
  for (const [name, data] of Object.entries(secrets)) {
    const encoded = Object.entries(data).map(([one, value]) => [
      one,
      Buffer.from(value).toString("base64"),
    ]);
    await stand.answer(`/api/v1/namespaces/db/secrets/${name}`, {
      kind: "Secret",
      metadata: { name },
      data: Object.fromEntries(encoded),
    });
  }
  return stand;
}
