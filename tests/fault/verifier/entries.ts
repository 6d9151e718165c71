/** Entries that are not as the manifest says, for rows of the table. */
import { END } from "../../helpers/tar.ts";
import { archiveByHand, archiveOfTar, contentOf, partsOf } from "./build.ts";
import { CONFIG } from "./tars.ts";
import type { Made } from "./row.ts";

export const OTHER_HASH = "0".repeat(64);
/** Two entries of equal bytes. */
const TWINS = ["helm/mail/mail/values.yaml", "helm/queue/queue/values.yaml"];

/** Two of them in the other one's place. */
export async function twinsSwapped(): Promise<Made> {
  const content = await contentOf("etcd");
  const parts = partsOf(content);
  const [one = 0, other = 0] = TWINS.map(
    (path) => 2 + content.manifest.entries.findIndex((entry) => entry.path === path),
  );
  [parts[one], parts[other]] = [parts[other] ?? END, parts[one] ?? END];
  return archiveOfTar(content, ...parts);
}

/** The body of an entry is another than manifest and signature say. */
export async function bodyOf(
  path: string,
  change: (body: Uint8Array) => Uint8Array,
): Promise<Made> {
  const content = await contentOf("etcd");
  const bodies = new Map(content.bodies);
  bodies.set(path, change(bodies.get(path) ?? new Uint8Array()));
  return archiveOfTar(content, ...partsOf({ ...content, bodies }));
}

/** Size in the manifest wrong by some bytes, hash right. */
export async function sizeOff(by: number, path = CONFIG): Promise<Made> {
  return archiveByHand("etcd", {
    retell: (manifest) => ({
      ...manifest,
      entries: manifest.entries.map((entry) =>
        entry.path === path ? { ...entry, size: entry.size + by } : entry,
      ),
    }),
  });
}
