/** What a manifest must look like. Unknown fields are kept: a signature covers them too. */
import * as v from "valibot";
import { ENTRY_KINDS } from "./entry-kind.ts";
import { MANIFEST_PATH, pathProblem, RUNBOOK_PATH } from "./tar-path.ts";

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const name = v.pipe(v.string(), v.nonEmpty());
const sha256 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, "must be 64 hex digits"));
const timeStamp = v.pipe(
  v.string(),
  v.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, "must be a UTC time like 2026-11-23T02:31:07Z"),
  v.check((text) => !Number.isNaN(Date.parse(text)), "is no such time"),
);

const entryPath = v.pipe(
  v.string(),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const problem = pathProblem(dataset.value);
    if (problem !== undefined) addIssue({ message: problem });
    else if (dataset.value === RUNBOOK_PATH || dataset.value === MANIFEST_PATH) {
      addIssue({ message: "is a name the format keeps for itself" });
    }
  }),
);

/** Where a file goes back to on the host: absolute, and nowhere else than it says. */
const sourcePath = v.pipe(
  v.string(),
  v.check(
    (path) => path.startsWith("/") && !/(^|\/)\.\.?(\/|$)|\u0000/.test(path),
    "must be an absolute path without . or ..",
  ),
);

const entry = v.looseObject({
  path: entryPath,
  kind: v.picklist(ENTRY_KINDS),
  size: count,
  mode: v.pipe(count, v.maxValue(0o7777)),
  sha256,
  source: v.exactOptional(sourcePath),
  uid: v.exactOptional(count),
  gid: v.exactOptional(count),
});

/** It ends up in a request to the API server of whoever restores: one object, no query. */
const apiPath = v.pipe(
  v.string(),
  v.regex(/^\/apis?(\/[A-Za-z0-9][A-Za-z0-9.-]*)+$/, "must be a path of the API"),
);

const release = v.looseObject({
  namespace: name,
  name,
  revision: count,
  status: v.string(),
  chart: v.string(),
  chartVersion: v.string(),
  appVersion: v.exactOptional(v.string()),
});

export const manifestSchema = v.looseObject({
  format: v.literal("railiance.cluster-backup/1"),
  id: v.pipe(v.string(), v.regex(/^[0-9a-f]{8}$/, "must be 8 hex digits")),
  created: timeStamp,
  tool: v.looseObject({ name, version: name }),
  cluster: v.looseObject({ name, id: v.string() }),
  host: v.looseObject({
    hostname: name,
    nodeName: name,
    dataDir: sourcePath,
    addresses: v.array(v.string()),
    architecture: name,
  }),
  k3s: v.looseObject({
    version: name,
    kubernetes: v.exactOptional(v.string()),
    etcd: v.exactOptional(v.string()),
    binarySha256: v.exactOptional(sha256),
  }),
  datastore: v.looseObject({
    kind: v.picklist(["etcd", "sqlite"]),
    entry: v.string(),
    revision: count,
    keys: count,
    members: v.array(v.looseObject({ name: v.string(), peerUrls: v.array(v.string()) })),
    storageVersion: v.exactOptional(v.string()),
  }),
  tokenHash: v.pipe(v.string(), v.regex(/^[0-9a-f]{12}$/, "must be 12 hex digits")),
  runbook: v.exactOptional(v.looseObject({ size: count, sha256 })),
  entries: v.array(entry),
  helm: v.array(release),
  canaries: v.exactOptional(v.array(v.looseObject({ path: apiPath, uid: name }))),
  recipients: v.pipe(v.array(v.string()), v.minLength(1, "must name at least one recipient")),
  previous: v.nullable(v.looseObject({ name, sha256 })),
  gaps: v.array(v.looseObject({ code: v.string(), message: v.string() })),
  signature: v.exactOptional(v.looseObject({ publicKey: v.string(), value: v.string() })),
});

/** Every problem of a JSON value as `path: what is wrong`, or the value as a manifest. */
export function checkShape(
  value: unknown,
): { readonly manifest: v.InferOutput<typeof manifestSchema> } | { readonly problems: string[] } {
  const result = v.safeParse(manifestSchema, value);
  if (result.success) return { manifest: result.output };
  return {
    problems: result.issues.map(
      (issue) => `${v.getDotPath(issue) ?? "manifest"}: ${issue.message}`,
    ),
  };
}
