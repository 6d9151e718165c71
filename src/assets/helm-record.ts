/**
 * What helm keeps in the cluster for each revision of a release, decoded as
 * helm 3 and 4 decode it (helm v4.3.1 pkg/storage/driver/util.go): base64, then
 * gzip unless the magic is missing, then JSON.
 */
import { gunzipSync } from "node:zlib";
import * as v from "valibot";
import { OperatorError, systemCode } from "../errors.ts";
import { isObject } from "../k3s/kubectl.ts";
import type { JsonObject } from "../k3s/kubectl.ts";

/** One revision of a release. */
export interface ReleaseRecord {
  readonly name: string;
  /** As the record says; the object's own namespace may differ when someone copied it. */
  readonly namespace: string;
  readonly revision: number;
  /** `deployed`, `superseded`, `failed`, …; `unknown` when the record has none. */
  readonly status: string;
  readonly description?: string;
  /** RFC 3339 as helm wrote them; absent when never. */
  readonly firstDeployed?: string;
  readonly lastDeployed?: string;
  readonly deleted?: string;
  readonly chart: ChartFacts;
  /** Default values of the chart; those of its subcharts are already in them when Chart.yaml lists them. */
  readonly chartValues: JsonObject;
  /** What the user supplied; undefined when nothing was. */
  readonly config: JsonObject | undefined;
  /** Rendered objects as YAML text, without hooks. */
  readonly manifest: string;
  readonly hooks: readonly { readonly path: string; readonly manifest: string }[];
  /** Bytes of the record once unpacked. */
  readonly size: number;
}

export interface ChartFacts {
  /** `MISSING` when the record has no chart, the word helm itself uses. */
  readonly name: string;
  readonly version: string;
  readonly appVersion?: string;
  /** Chart.yaml as helm processed it. */
  readonly metadata: JsonObject;
}

/** More than this after unpacking is no honest record: the compressed one fits into a Secret (1 MiB). */
const UNPACKED_MAX = 64 * 1024 * 1024;

// Every field may be missing or null: Go's JSON decoder leaves a zero value then, and so did older helm versions.
const text = v.nullish(v.string(), "");
// Not v.record(): it drops keys such as `constructor`, and values may have any key.
const table = v.nullish(v.custom<JsonObject>(isObject));
const Release = v.object({
  name: text,
  namespace: text,
  version: v.nullish(v.pipe(v.number(), v.integer()), 0),
  manifest: text,
  config: table,
  info: v.nullish(
    v.object({
      first_deployed: text,
      last_deployed: text,
      deleted: text,
      description: text,
      status: text,
    }),
  ),
  chart: v.nullish(v.object({ metadata: table, values: table })),
  hooks: v.nullish(v.array(v.nullish(v.object({ path: text, manifest: text })))),
});
const ChartNames = v.object({ name: text, version: text, appVersion: text });

/**
 * Decodes the text a release record holds: `data.release` of a ConfigMap, or of
 * a Secret after its own base64 is off. Throws an OperatorError
 * `HELM_RELEASE_UNREADABLE` whose message is the reason ("is not base64") and
 * never holds a piece of the record.
 */
export function decodeRelease(
  encoded: string,
  options: { readonly maxSize?: number } = {},
): ReleaseRecord {
  const json = unpack(decodeBase64(encoded), options.maxSize ?? UNPACKED_MAX);
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder().decode(json));
  } catch {
    throw unreadable("does not hold JSON"); // the parser's own message quotes the text
  }
  if (!isObject(parsed)) throw unreadable("has an unexpected shape"); // valibot takes a list for an object
  const release = v.safeParse(Release, parsed);
  if (!release.success) {
    throw unreadable(`has an unexpected ${v.getDotPath(release.issues[0]) ?? "shape"}`);
  }
  const { info, chart, hooks, ...rest } = release.output;
  if (rest.name === "") throw unreadable("does not name a release");
  return {
    name: rest.name,
    namespace: rest.namespace,
    revision: rest.version,
    status: info?.status || "unknown",
    ...optionalText("description", info?.description),
    ...optionalText("firstDeployed", timeOf(info?.first_deployed)),
    ...optionalText("lastDeployed", timeOf(info?.last_deployed)),
    ...optionalText("deleted", timeOf(info?.deleted)),
    chart: chartFacts(chart?.metadata ?? undefined),
    chartValues: chart?.values ?? {},
    config: rest.config ?? undefined,
    manifest: rest.manifest,
    hooks: (hooks ?? []).filter((hook) => hook !== null && hook !== undefined),
    size: json.length,
  };
}

/** Standard base64, line breaks allowed, nothing else: as Go's decoder takes it. Throws like `decodeRelease`. */
export function decodeBase64(encoded: string): Uint8Array {
  const compact = /[\r\n]/u.test(encoded) ? encoded.replaceAll(/[\r\n]/gu, "") : encoded;
  if (compact.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/u.test(compact)) {
    throw unreadable("is not base64");
  }
  return Buffer.from(compact, "base64");
}

function unpack(bytes: Uint8Array, maxSize: number): Uint8Array {
  const packed = bytes.length > 3 && bytes[0] === 0x1f && bytes[1] === 0x8b && bytes[2] === 8;
  if (!packed) return bytes; // from before helm compressed its records
  try {
    return gunzipSync(bytes, { maxOutputLength: maxSize });
  } catch (error) {
    if (systemCode(error) === "ERR_BUFFER_TOO_LARGE") {
      throw unreadable(`unpacks to more than ${maxSize} bytes`);
    }
    throw unreadable("does not unpack: its gzip data is damaged");
  }
}

function chartFacts(metadata: JsonObject | undefined): ChartFacts {
  if (metadata === undefined) return { name: "MISSING", version: "", metadata: {} };
  const names = v.safeParse(ChartNames, metadata);
  if (!names.success) throw unreadable("has unexpected chart metadata");
  const { name, version, appVersion } = names.output;
  return { name, version, ...optionalText("appVersion", appVersion), metadata };
}

/** Go writes a time that never was as year 1, older helm as an empty string. */
function timeOf(time: string | undefined): string | undefined {
  return time === undefined || time.startsWith("0001-01-01T00:00:00") ? undefined : time;
}

function optionalText<Key extends string>(
  key: Key,
  value: string | undefined,
): Partial<Record<Key, string>> {
  if (value === undefined || value === "") return {};
  const entry: Partial<Record<Key, string>> = {};
  entry[key] = value;
  return entry;
}

function unreadable(reason: string): OperatorError {
  return new OperatorError("partial", "HELM_RELEASE_UNREADABLE", reason);
}
