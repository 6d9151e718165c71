/** Manifests on this host that the archive does not have: K3s would apply them to the restored cluster as well. */
import { dirname } from "node:path";
import { filesBelow, statOf } from "../sys/files.ts";
import type { Manifest } from "../archive/manifest.ts";
import type { Move } from "./journal.ts";

const FOLDER = "manifests";

/**
 * Moves for those that lie on the file system of the server's folder (a rename does
 * not reach another). `stamp` as for the other moves of this restore. Those K3s brings
 * along may be among them, after an upgrade: it writes them anew at its start.
 */
export async function extraManifests(
  manifest: Pick<Manifest, "entries">,
  options: { readonly dataDir: string; readonly stamp: string },
): Promise<Move[]> {
  const server = `${options.dataDir}/server`;
  const below = `${server}/${FOLDER}/`;
  // By the path below the folder: the archive may be of a server with another data dir.
  const known = new Set(
    manifest.entries.flatMap(({ kind, source }) =>
      kind === "manifest" && source !== undefined
        ? [source.split(`/server/${FOLDER}/`).at(-1)]
        : [],
    ),
  );
  const device = (await statOf(server))?.dev;
  const moves: Move[] = [];
  for (const from of await filesBelow(below.slice(0, -1))) {
    const name = from.slice(below.length);
    if (known.has(name) || (await statOf(dirname(from)))?.dev !== device) continue;
    moves.push({
      from,
      to: `${server}/before-${options.stamp}/${FOLDER}/${name}`,
      undone: `${server}/undone-${options.stamp}/${FOLDER}/${name}`,
      had: true,
    });
  }
  return moves;
}

/** Their names below the folder; for the plan. */
export function extraManifestNames(moves: readonly Move[]): string[] {
  return moves.flatMap(({ from }) => from.split(`/server/${FOLDER}/`).slice(1));
}
