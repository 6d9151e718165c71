/** The deploy controller: K3s's kinds, its bundled manifests, and whatever lies in `server/manifests`. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { ApiClient } from "./api.ts";
import { field } from "./api.ts";
import { BUNDLED_MANIFESTS, customResourceDefinitions } from "./definitions.ts";
import { log } from "./log.ts";
import { runPart } from "./parts.ts";
import type { Settings } from "./settings.ts";

const DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/** Creates the CustomResourceDefinitions and waits until they are served. */
export async function installKinds(api: ApiClient, etcd: boolean): Promise<void> {
  const definitions = customResourceDefinitions(etcd);
  await Promise.all(
    definitions.map((one) => api.apply(`${DEFINITIONS}/${one.metadata.name}`, one)),
  );
  for (const { metadata } of definitions) {
    for (let attempt = 0; attempt < 50; attempt += 1) {
      const { body } = await api.request("GET", `${DEFINITIONS}/${metadata.name}`);
      const conditions = field(body, "status", "conditions");
      const list: unknown[] = Array.isArray(conditions) ? conditions : [];
      if (
        list.some((one) => field(one, "type") === "Established" && field(one, "status") === "True")
      )
        break;
      await Bun.sleep(100);
    }
  }
}

/** Writes the bundled manifests that are not disabled; a disabled one is removed. */
export function writeBundledManifests(settings: Settings): void {
  const { manifests } = settings.paths;
  mkdirSync(manifests, { recursive: true, mode: 0o700 });
  const disabled = settings.flags.list("disable");
  for (const [name, [file, text]] of Object.entries(BUNDLED_MANIFESTS)) {
    if (disabled.includes(name)) rmSync(`${manifests}/${file}`, { force: true });
    else if (!existsSync(`${manifests}/${file}.skip`)) {
      writeFileSync(`${manifests}/${file}`, text, { mode: 0o600 });
    }
  }
}

/** Applies new and changed manifests now and every 15 s. Returns after the first round. */
export async function startDeploying(settings: Settings, api: ApiClient): Promise<void> {
  const applied = new Map<string, string>();
  const round = async (): Promise<void> => {
    const names = readdirSync(settings.paths.manifests).filter((name) =>
      /\.(ya?ml|json)$/.test(name),
    );
    await applyAll(settings, api, { names: names.sort(), applied });
  };
  await round();
  setInterval(() => {
    round().catch(() => undefined);
  }, 15_000);
}

/** All at once, for a start of kubectl is most of the work; one after the other when one is wrong. */
async function applyAll(
  settings: Settings,
  api: ApiClient,
  options: { readonly names: readonly string[]; readonly applied: Map<string, string> },
): Promise<void> {
  const { manifests } = settings.paths;
  const due = options.names
    .map((name) => ({ name, path: `${manifests}/${name}` }))
    .filter(({ path }) => !existsSync(`${path}.skip`))
    .map((one) => ({ ...one, checksum: checksumOf(one.path) }))
    .filter(({ name, checksum }) => options.applied.get(name) !== checksum);
  if (due.length === 0) return;
  const isWell = (await apply(settings, due)) === "";
  for (const one of due) {
    const trouble = isWell ? "" : await apply(settings, [one]);
    if (trouble !== "") {
      log.error(`Failed to process config: failed to process ${one.path}: ${trouble}`);
      continue;
    }
    options.applied.set(one.name, one.checksum);
    await noteAddon(api, one);
  }
}

interface ManifestFile {
  readonly name: string;
  readonly path: string;
  readonly checksum: string;
}

function checksumOf(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

/** What kubectl says against it; "" for nothing. */
async function apply(settings: Settings, files: readonly ManifestFile[]): Promise<string> {
  const { exitCode, stderr } = await runPart("kubectl", [
    `--kubeconfig=${settings.paths.cred}/admin.kubeconfig`,
    "--cache-dir=/run/k3s-lab-cache",
    "apply",
    "--server-side",
    "--force-conflicts",
    "--field-manager=deploy",
    ...files.map(({ path }) => `--filename=${path}`),
  ]);
  return exitCode === 0 ? "" : stderr.trim() || `exit ${exitCode}`;
}

async function noteAddon(api: ApiClient, { name, path, checksum }: ManifestFile): Promise<void> {
  const addon = name.replace(/\.[^.]+$/, "").toLowerCase();
  await api.apply(`/apis/k3s.cattle.io/v1/namespaces/kube-system/addons/${addon}`, {
    apiVersion: "k3s.cattle.io/v1",
    kind: "Addon",
    metadata: { name: addon, namespace: "kube-system" },
    spec: { source: path, checksum },
  });
}
