/**
 * A folder with executables `k3s` and `helm` that serve recorded answers, and
 * an asset source over it. PATH holds nothing else, so that a missing program
 * is really missing.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { testHost } from "../../helpers/host.ts";
import type { Asset, AssetSource, Collector } from "../../../src/assets/asset.ts";
import type { HelmRelease } from "../../../src/archive/manifest.ts";
import type { Host } from "../../../src/sys/host.ts";

/**
 * `k3s kubectl get --raw PATH?…` prints the file PATH.TOKEN of the folder. With
 * PATH.TOKEN.error it says that and fails; with PATH.TOKEN.once, it does so
 * only once.
 */
const K3S = `#!/bin/sh
printf '%s\\n' "$*" >>"@FOLDER@/calls"
path=\${4%%\\?*}
token=
case $4 in *continue=*) token=\${4#*continue=}; token=\${token%%&*};; esac
file="@FOLDER@/api$path.$token"
if [ -e "$file.once" ]; then /bin/cat "$file.once" >&2; /bin/rm "$file.once"; exit 1; fi
if [ -e "$file.error" ]; then /bin/cat "$file.error" >&2; exit 1; fi
if [ -e "$file" ]; then exec /bin/cat "$file"; fi
echo 'Error from server (NotFound): the server could not find the requested resource' >&2
exit 1
`;

export interface StandIn extends AsyncDisposable {
  readonly folder: string;
  readonly host: Host;
  /** Makes an executable; `@FOLDER@` in it becomes this folder. */
  program(name: string, script: string): Promise<void>;
  /** What the API server answers at `path` with the continue token `token`. */
  answer(path: string, content: unknown, token?: string): Promise<void>;
  /** Command lines of `k3s`, in order. */
  calls(): Promise<string[]>;
}

export async function standIn(options: { readonly signal?: AbortSignal } = {}): Promise<StandIn> {
  const folder = await mkdtemp(join(tmpdir(), "helm-stand-in-"));
  const put = async (path: string, content: string, mode: number): Promise<void> => {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content, { mode });
  };
  const program = (name: string, script: string): Promise<void> =>
    put(`bin/${name}`, script.replaceAll("@FOLDER@", folder), 0o755);
  await program("k3s", K3S);
  await put("calls", "", 0o644);
  return {
    folder,
    host: testHost({ path: join(folder, "bin"), ...options }),
    program,
    answer: (path, content, token = "") =>
      put(
        `api${path}.${token}`,
        typeof content === "string" ? content : JSON.stringify(content),
        0o644,
      ),
    calls: async () => (await readFile(join(folder, "calls"), "utf8")).split("\n").slice(0, -1),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** One page of a list as the API server writes it. */
export function page(items: unknown, next = ""): unknown {
  return { kind: "List", apiVersion: "v1", metadata: { continue: next }, items };
}

export interface Collected {
  readonly phrase: string;
  readonly files: ReadonlyMap<string, string>;
  readonly gaps: { readonly code: string; readonly message: string; readonly hint?: string }[];
  readonly notes: string[];
  readonly releases: HelmRelease[];
}

/** Runs an asset over a stand-in. Two entries with one path are an error. */
export async function collect(asset: Asset, from: StandIn): Promise<Collected> {
  const files = new Map<string, string>();
  const notes: string[] = [];
  const gaps: Collected["gaps"] = [];
  const releases: HelmRelease[] = [];
  const collector: Collector = {
    async add(entry, content) {
      if (files.has(entry.path)) throw new Error(`${entry.path} was added twice`);
      files.set(
        entry.path,
        typeof content === "string" ? content : new TextDecoder().decode(content),
      );
    },
    addFile() {
      throw new Error("helm has no files of its own");
    },
    addRelease: (release) => void releases.push(release),
    gap: (gap) => void gaps.push(gap),
  };
  const source: AssetSource = {
    host: from.host,
    note: (text) => void notes.push(text),
    server: { dataDir: "/data", k3s: "k3s", kubeconfig: "/config" },
  };
  const phrase = await asset.collect(source, collector);
  return { phrase, files, gaps, notes, releases };
}
