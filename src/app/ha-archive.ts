/** Releases and Secrets as an archive holds them: what a restore would bring back. */
import { openArchive } from "../archive/reader.ts";
import { etcdObjects } from "../datastore/etcd-objects.ts";
import { kineValue } from "../datastore/kine-value.ts";
import { isSealed, sealedValues } from "../datastore/secrets-encryption.ts";
import { readStoredSecret } from "../datastore/stored-secret.ts";
import { isObject } from "../k3s/kubectl.ts";
import { openArchiveFile } from "./archive-file.ts";
import { tellDamagedHeader } from "./damaged-header.ts";
import { stateOf } from "./ha-live.ts";
import { newest } from "./ha-release-source.ts";
import { readSidecar } from "./archives.ts";
import { openProof } from "./proof.ts";
import type { Driver } from "../assets/helm-record-object.ts";
import type { ReleaseName } from "../ha/releases-file.ts";
import type { JsonObject } from "../k3s/kubectl.ts";
import type { Context } from "./context.ts";
import type { OpenProof } from "./proof.ts";
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
 * `openProof`.
 */
export async function archivedReleases(
  context: Context,
  options: ArchiveOptions,
): Promise<ReleaseSource> {
  const { path } = options;
  context.talk({ type: "step", text: `verifying ${path}` });
  const states = await readRecords(context, options);
  const sha256 = (await readSidecar(path))?.sha256;
  const opened = await openProof(context, { ...options, sha256 });
  context.talk({ type: "done", text: `verified ${path}` });
  return {
    kind: "archive",
    label: path,
    // Secrets are where helm keeps releases unless it is told otherwise.
    release: ({ namespace, name }) =>
      Promise.resolve(
        states.get(`Secret ${namespace}/${name}`) ?? states.get(`ConfigMap ${namespace}/${name}`),
      ),
    secrets: (namespace, names) => readSecrets(context, opened, { namespace, names }),
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}

async function readRecords(
  context: Context,
  options: ArchiveOptions,
): Promise<ReadonlyMap<string, ReleaseState>> {
  await using file = await openArchiveFile(context, options.path);
  const archive = await tellDamagedHeader(context, options.path, () =>
    openArchive(file.stream(), options.identities),
  );
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
    return states;
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
  opened: OpenProof,
  { namespace, names }: { readonly namespace: string; readonly names: readonly string[] },
): Promise<ReadonlyMap<string, FoundSecret>> {
  const { file, database } = opened.store;
  const sealed = sealedValues(opened.proof.snapshot.bootstrap);
  const found = new Map<string, FoundSecret>();
  const take = (name: string, value: Uint8Array): void => {
    const plain = isSealed(value) ? sealed.open(value) : value;
    found.set(name, (plain === undefined ? undefined : readStoredSecret(plain)) ?? "sealed");
  };
  const folder = `/registry/secrets/${namespace}/`;
  if (database !== undefined) {
    for (const name of names) {
      const value = kineValue(database, folder + name);
      if (value !== undefined) take(name, value);
    }
    return found;
  }
  const wanted = new Map(names.map((name) => [folder + name, name]));
  const source = etcdObjects(file, { signal: context.host.signal });
  await source.walk(({ key, value }) => {
    const name = wanted.get(new TextDecoder().decode(key));
    if (name !== undefined) take(name, value);
  });
  return found;
}
