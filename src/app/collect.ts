/** Runs the assets over a stage and keeps what they find. */
import { sha256Hex } from "../sys/hash.ts";
import { explainWriteError } from "../sys/write-errors.ts";
import type { Asset, AssetSource, Collector, NewEntry } from "../assets/asset.ts";
import type { Entry, HelmRelease } from "../archive/manifest.ts";
import type { Context, Warning } from "./context.ts";
import type { Stage } from "../sys/stage.ts";

export interface Collected {
  /** In the order of the archive: small ones first, the datastore last. */
  readonly entries: readonly { readonly entry: Entry; readonly file: string }[];
  readonly releases: readonly HelmRelease[];
  readonly gaps: readonly Warning[];
}

/** Runs each asset in turn and says what it found. An asset that fails whole becomes a gap only if it says so itself. */
export async function collectAssets(
  context: Context,
  assets: readonly Asset[],
  options: { readonly stage: Stage; readonly server: AssetSource["server"] },
): Promise<Collected> {
  const files = new Map<string, { entry: Entry; file: string }>();
  const releases: HelmRelease[] = [];
  const gaps: Warning[] = [];
  const collector = stageCollector(options.stage, { files, releases, gaps });
  const source: AssetSource = {
    host: context.host,
    server: options.server,
    note: (text) => context.talk({ type: "note", text }),
  };
  const phrases: string[] = [];
  for (const asset of assets) {
    context.host.signal.throwIfAborted();
    context.talk({ type: "step", text: `reading ${asset.name}` });
    phrases.push(await asset.collect(source, collector));
  }
  context.talk({ type: "done", text: phrases.join(", ") });
  const entries = [...files.values()].sort((left, right) => {
    const [first, second] = [left.entry, right.entry];
    if ((first.kind === "datastore") !== (second.kind === "datastore")) {
      return first.kind === "datastore" ? 1 : -1;
    }
    return first.path < second.path ? -1 : 1;
  });
  return { entries, releases, gaps };
}

interface Found {
  readonly files: Map<string, { entry: Entry; file: string }>;
  readonly releases: HelmRelease[];
  readonly gaps: Warning[];
}

function stageCollector(stage: Stage, found: Found): Collector {
  return {
    async add(entry, content) {
      if (found.files.has(entry.path)) return; // two assets may name the same host file
      const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
      const file = await stage.write(entry.path, bytes).catch((error: unknown) => {
        throw explainWriteError(error, stage.path);
      });
      found.files.set(entry.path, { file, entry: complete(entry, bytes.length, sha256Hex(bytes)) });
    },
    addFile(entry, file) {
      found.files.set(entry.path, {
        file: file.path,
        entry: complete(entry, file.size, file.sha256),
      });
    },
    addRelease: (release) => void found.releases.push(release),
    gap: (gap) => void found.gaps.push(gap),
  };
}

function complete(entry: NewEntry, size: number, sha256: string): Entry {
  return { ...entry, mode: entry.mode ?? 0o600, size, sha256 };
}
