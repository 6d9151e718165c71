/**
 * Every helm release of every namespace, from the records helm keeps in the
 * cluster: one list of Secrets and one of ConfigMaps, whatever the number of
 * releases, read piece by piece so that memory stays flat.
 */
import { OperatorError } from "../errors.ts";
import { listAll } from "../k3s/kubectl.ts";
import { checkAgainstHelm } from "./helm-check.ts";
import { nextObject } from "./helm-list.ts";
import { endList, startPass, takeObject } from "./helm-pass.ts";
import type { Asset, AssetSource } from "./asset.ts";
import type { Pass } from "./helm-pass.ts";
import type { Driver } from "./helm-record-object.ts";

export interface HelmOptions {
  /** Milliseconds for one `k3s kubectl`. Default 60,000. */
  readonly kubectlTimeout?: number;
  /** Milliseconds for `helm list`. Default 30,000. */
  readonly helmTimeout?: number;
  /** Called after every few megabytes of records, to collect garbage now: the engine waits too long with large texts. */
  readonly releaseMemory?: () => void;
}

/** `helm list` holds all records at once, several times their size: beyond this it might starve a small server. */
const HELM_LIST_MAX = 256 * 1024 * 1024;

/** Records of 1 MB unpack to several: without this the process grows to 380 MB, with it to half of that (measured with Bun). */
const RELEASE_AFTER = 16 * 1024 * 1024;

interface RecordList {
  readonly driver: Driver;
  readonly path: string;
}

/** Secrets first: helm's default, and `helm-pass.ts` relies on the order. */
const LISTS: readonly RecordList[] = [
  { driver: "Secret", path: "/api/v1/secrets" },
  { driver: "ConfigMap", path: "/api/v1/configmaps" },
];

/**
 * For each release: user-supplied and computed values, chart, history, manifest
 * and the raw record of every revision. A release that cannot be read is a gap,
 * never an error; helm on PATH is only a witness.
 */
export function helmReleasesAsset(options: HelmOptions = {}): Asset {
  return {
    name: "helm releases",
    async collect(source, collector) {
      const pass = startPass(collector);
      let complete = true;
      for (const list of LISTS) {
        if (!(await readList(pass, source, { list, options }))) complete = false;
      }
      if (complete) await askHelm(pass, source, options);
      return `${count(pass.closed.size, "helm release")}, ${count(pass.records, "revision")}`;
    },
  };
}

/** Reads one list to its end; false when it broke off, which is then a gap. What was read is kept. */
async function readList(
  pass: Pass,
  source: AssetSource,
  { list, options }: { readonly list: RecordList; readonly options: HelmOptions },
): Promise<boolean> {
  const objects = listAll(source.host, source.server, list.path, {
    labelSelector: "owner=helm",
    ...(options.kubectlTimeout === undefined ? {} : { timeout: options.kubectlTimeout }),
  });
  let broken: OperatorError | undefined;
  for (;;) {
    const next = await nextObject(objects, source.host);
    if (next instanceof OperatorError) broken = next;
    if (next === undefined || next instanceof OperatorError) break;
    await takeObject(pass, next, list.driver);
    if (pass.unreleased > RELEASE_AFTER) {
      options.releaseMemory?.();
      pass.unreleased = 0;
    }
  }
  await endList(pass);
  if (broken === undefined) return true;
  pass.collector.gap({
    code: "HELM_RELEASES_UNREADABLE",
    message: `helm's release ${list.driver}s were not read to the end: ${broken.message}`,
    ...(broken.hint === undefined ? {} : { hint: broken.hint }),
  });
  return false;
}

async function askHelm(pass: Pass, source: AssetSource, options: HelmOptions): Promise<void> {
  if (pass.bytes > HELM_LIST_MAX) {
    const mebibytes = Math.round(pass.bytes / 1024 / 1024);
    source.note(
      `helm list was not asked to confirm ${mebibytes} MiB of release records: it would need several times that in memory`,
    );
    return;
  }
  await checkAgainstHelm(pass.found, source, {
    collector: pass.collector,
    timeout: options.helmTimeout,
  });
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
