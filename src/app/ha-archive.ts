/** Releases and Secrets as an archive holds them: what a restore would bring back. */
import { openArchive } from "../archive/reader.ts";
import { etcdObjects } from "../datastore/etcd-objects.ts";
import { isSealed } from "../datastore/secrets-encryption.ts";
import { readStoredSecret } from "../datastore/stored-secret.ts";
import { isObject } from "../k3s/kubectl.ts";
import { openArchiveFile } from "./archive-file.ts";
import { readSidecar } from "./archives.ts";
import { stateOf } from "./ha-live.ts";
import { newest } from "./ha-release-source.ts";
import { openDatastore } from "./open-datastore.ts";
import { proveArchive } from "./proof.ts";
import type { Manifest } from "../archive/manifest.ts";
import type { Driver } from "../assets/helm-record-object.ts";
import type { ReleaseName } from "../ha/releases-file.ts";
import type { JsonObject } from "../k3s/kubectl.ts";
import type { Context } from "./context.ts";
import type { OpenDatastore } from "./open-datastore.ts";
import type { FoundSecret, ReleaseSource, ReleaseState } from "./ha-release-source.ts";

export interface ArchiveOptions {
  /** Absolute. */
  readonly path: string;
  /** Secret key texts. */
  readonly identities: readonly string[];
  readonly wanted: readonly ReleaseName[];
}

/** A record that is larger was never in a cluster: Kubernetes takes 1.5 MiB at the most. */
const RECORD_MAX = 16 * 1024 * 1024;

/**
 * Reads the archive to its end before anything of it is believed: the newest
 * record of each wanted release, and its datastore, kept in a nameless file
 * until this is disposed. Throws the OperatorErrors of `openArchive` and
 * `openDatastore`. Secrets of an archive with SQLite are not read.
 */
export async function archivedReleases(
  context: Context,
  options: ArchiveOptions,
): Promise<ReleaseSource> {
  const { path } = options;
  context.talk({ type: "step", text: `verifying ${path}` });
  const { manifest, states } = await readRecords(context, options);
  const opened =
    manifest.datastore.kind === "etcd" ? await openDatastore(context, options) : undefined;
  if (opened === undefined) {
    await proveArchive(context, { ...options, sha256: (await readSidecar(path))?.sha256 });
  }
  context.talk({ type: "done", text: `verified ${path}` });
  return {
    kind: "archive",
    label: path,
    // Secrets are where helm keeps releases unless it is told otherwise.
    release: ({ namespace, name }) =>
      Promise.resolve(
        states.get(`Secret ${namespace}/${name}`) ?? states.get(`ConfigMap ${namespace}/${name}`),
      ),
    secrets: (namespace, names) =>
      opened === undefined
        ? Promise.resolve(undefined)
        : readSecrets(context, opened, { namespace, names }),
    [Symbol.asyncDispose]: async () => opened?.[Symbol.asyncDispose](),
  };
}

interface Records {
  readonly manifest: Manifest;
  readonly states: ReadonlyMap<string, ReleaseState>;
}

async function readRecords(context: Context, options: ArchiveOptions): Promise<Records> {
  await using file = await openArchiveFile(context, options.path);
  const archive = await openArchive(file.stream(), options.identities);
  try {
    const states = new Map<string, ReleaseState>();
    for await (const { entry, body } of archive.entries()) {
      const record = wantedRecord(entry.path, options.wanted);
      if (record === undefined || entry.size > RECORD_MAX) continue;
      const object = parse(await textOf(body));
      const driver: Driver = object["kind"] === "ConfigMap" ? "ConfigMap" : "Secret";
      const key = `${driver} ${record.namespace}/${record.name}`;
      const state = stateOf(context, object, { ...record, driver });
      const best = newest([states.get(key), state].filter((one) => one !== undefined));
      if (best !== undefined) states.set(key, best);
    }
    await archive.finish();
    return { manifest: archive.manifest, states };
  } catch (error) {
    await archive.cancel(error);
    throw error;
  }
}

/** `helm/<namespace>/<name>/records/<revision>.json`, as assets/helm-pass.ts names them. */
function wantedRecord(path: string, wanted: readonly ReleaseName[]): ReleaseName | undefined {
  const [, namespace, folder, records] =
    /^helm\/([^/]+)\/([^/]+)\/(_?records)\/[^/]+\.json$/.exec(path) ?? [];
  if (namespace === undefined || folder === undefined || records === undefined) return undefined;
  const name = folder.replace(/_configmap$/, "");
  return wanted.find((one) => one.namespace === namespace && one.name === name);
}

/** Our own JSON; of damage nothing is quoted. */
function parse(text: string): JsonObject {
  try {
    const object: unknown = JSON.parse(text);
    return isObject(object) ? object : {};
  } catch {
    return {};
  }
}

async function textOf(body: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const piece of body) text += decoder.decode(piece, { stream: true });
  return text + decoder.decode();
}

async function readSecrets(
  context: Context,
  { datastore, facts }: OpenDatastore,
  { namespace, names }: { readonly namespace: string; readonly names: readonly string[] },
): Promise<ReadonlyMap<string, FoundSecret>> {
  const { bootstrap } = facts;
  const source = etcdObjects(datastore, { bootstrap, signal: context.host.signal });
  const wanted = new Map(names.map((name) => [`/registry/secrets/${namespace}/${name}`, name]));
  const found = new Map<string, FoundSecret>();
  await source.walk(({ key, value }) => {
    const name = wanted.get(new TextDecoder().decode(key));
    if (name === undefined) return;
    const plain = isSealed(value) ? source.sealed.open(value) : value;
    const data = plain === undefined ? undefined : readStoredSecret(plain);
    found.set(name, data ?? "sealed");
  });
  return found;
}
