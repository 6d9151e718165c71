/** Releases and Secrets of the cluster that runs here, read from what helm itself keeps there. */
import { decodeRelease } from "../assets/helm-record.ts";
import { identify, payloadOf } from "../assets/helm-record-object.ts";
import { OperatorError } from "../errors.ts";
import { isObject, kubectlJson, listAll } from "../k3s/kubectl.ts";
import { readSettings } from "../k3s/settings.ts";
import { newest } from "./ha-release-source.ts";
import type { Driver } from "../assets/helm-record-object.ts";
import type { ReleaseName } from "../ha/releases-file.ts";
import type { JsonObject, KubectlServer } from "../k3s/kubectl.ts";
import type { Context } from "./context.ts";
import type { ReleaseSource, ReleaseState } from "./ha-release-source.ts";

const PLACES: readonly { readonly driver: Driver; readonly resource: string }[] = [
  { driver: "Secret", resource: "secrets" },
  { driver: "ConfigMap", resource: "configmaps" },
];

/**
 * The live cluster through `k3s kubectl`; helm itself is not needed. Reading
 * throws the OperatorErrors of `kubectlJson`; `NO_K3S`, exit precondition, on a
 * machine without it.
 */
export async function liveReleases(
  context: Context,
  dataDir: string | undefined,
): Promise<ReleaseSource> {
  const server = await readSettings({ dataDir });
  return {
    kind: "live",
    label: `the cluster of ${context.host.hostname}`,
    release: (name) => withK3s(() => readRelease(context, server, name)),
    secrets: (namespace, names) =>
      withK3s(async () => {
        const found = new Map<string, Map<string, Uint8Array>>();
        for (const name of names) {
          const data = await readSecret(context, server, { namespace, name });
          if (data !== undefined) found.set(name, data);
        }
        return found;
      }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

async function readRelease(
  context: Context,
  server: KubectlServer,
  { namespace, name }: ReleaseName,
): Promise<ReleaseState | undefined> {
  for (const { driver, resource } of PLACES) {
    const states: ReleaseState[] = [];
    const objects = listAll(context.host, server, `/api/v1/namespaces/${namespace}/${resource}`, {
      labelSelector: `owner=helm,name=${name}`,
    });
    for await (const object of objects) {
      const state = stateOf(context, object, { driver, namespace, name });
      // History is long, and one record unpacks to megabytes: only the newest stays.
      const best = newest([...states.splice(0), ...(state === undefined ? [] : [state])]);
      if (best !== undefined) states.push(best);
    }
    const [state] = states;
    if (state !== undefined) return state;
  }
  return undefined;
}

/**
 * A release record as the API serves it; undefined when it is none of that
 * release, or cannot be read: a warning then, for helm passes over it too.
 */
export function stateOf(
  context: Context,
  object: JsonObject,
  { driver, namespace, name }: ReleaseName & { readonly driver: Driver },
): ReleaseState | undefined {
  const identity = identify(object, driver);
  const release = identity?.release;
  if (identity?.namespace !== namespace || release?.name !== name) return undefined;
  try {
    const { status, chart, config } = decodeRelease(payloadOf(object, driver));
    const { name: chartName, version } = chart;
    return { revision: release.revision, status, chart: { name: chartName, version }, config };
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    const which = `${namespace}/${name} revision ${release.revision}`;
    context.talk({
      type: "warning",
      code: "HELM_RELEASE_UNREADABLE",
      message: `the record of helm release ${which} cannot be read, an older one counts: it ${error.message}`,
      hint: `helm itself passes over such a record: helm history ${name} -n ${namespace}`,
    });
    return undefined;
  }
}

async function readSecret(
  { host }: Context,
  server: KubectlServer,
  { namespace, name }: ReleaseName,
): Promise<Map<string, Uint8Array> | undefined> {
  let object: unknown;
  try {
    const path = `/api/v1/namespaces/${namespace}/secrets/${encodeURIComponent(name)}`;
    object = await kubectlJson(host, server, ["get", "--raw", path]);
  } catch (error) {
    if (error instanceof OperatorError && error.code === "API_NOT_FOUND") return undefined;
    throw error;
  }
  const data = isObject(object) ? object["data"] : undefined;
  const found = new Map<string, Uint8Array>();
  for (const [key, value] of Object.entries(isObject(data) ? data : {})) {
    if (typeof value === "string") found.set(key, Buffer.from(value, "base64"));
  }
  return found;
}

async function withK3s<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof OperatorError) || error.code !== "TOOL_MISSING") throw error;
    throw new OperatorError("precondition", "NO_K3S", "there is no k3s on this machine", {
      hint: "run it on a server, or against a backup: railiance-cluster ha drift --archive ARCHIVE",
      cause: error,
    });
  }
}
