/** Whose archives are meant when nobody names one: hosts and clusters may share a folder. */
import { plainName } from "../archive/names.ts";
import { OperatorError } from "../errors.ts";
import type { FoundArchive } from "./archives.ts";

const SHOWN = 6;

/** Those made on this host, by the host in their names; in the order given. */
export function madeHere(
  archives: readonly FoundArchive[],
  hostname: string,
): readonly FoundArchive[] {
  const here = plainName(hostname);
  return archives.filter(({ host }) => host === here);
}

/** The newest of them; of the only host there are archives of when none is of this one; undefined when they are of several. */
export function newestFor(
  newestFirst: readonly FoundArchive[],
  hostname: string,
): FoundArchive | undefined {
  const [own] = madeHere(newestFirst, hostname);
  const [newest] = newestFirst;
  const alone = newestFirst.every(({ host }) => host === newest?.host);
  return own ?? (alone ? newest : undefined);
}

/** The hosts the archives are of, sorted; of many the first few, and how many more. */
export function hostsText(archives: readonly FoundArchive[]): string {
  return someOf(archives.map(({ host }) => host));
}

/**
 * The archives that are meant when none is named, in the order given: this
 * host's; where it has none, those of the only host there are archives of,
 * whose place this one takes. Throws an OperatorError, exit usage:
 * `SEVERAL_HOSTS` when none is of this host and they are of more than one;
 * `SEVERAL_CLUSTERS` when two clusters of one host name saved by turns.
 */
export function archivesMeant(
  folder: { readonly directory: string; readonly archives: readonly FoundArchive[] },
  hostname: string,
): readonly FoundArchive[] {
  const { directory, archives } = folder;
  const own = madeHere(archives, hostname);
  const meant = own.length > 0 ? own : archives;
  const hosts = new Set(meant.map(({ host }) => host));
  if (hosts.size > 1) {
    const what = `the archives in ${directory} are of several hosts (${hostsText(meant)}) and none is of this one, ${plainName(hostname)}`;
    throw notOne("SEVERAL_HOSTS", what);
  }
  const clusters = interleaved(meant);
  if (clusters.length > 0) {
    const what = `the archives of host ${[...hosts].join()} in ${directory} are of clusters that were saved by turns (${someOf(clusters)})`;
    throw notOne("SEVERAL_CLUSTERS", what);
  }
  return meant;
}

/**
 * Names of clusters of which one was saved before and after another: two hosts
 * of the same name. A host that was set up anew has its clusters one after the other.
 */
function interleaved(newestFirst: readonly FoundArchive[]): string[] {
  const ids = new Map<string, string>(); // a cluster that was given another name has the same id
  for (const { cluster, sidecar } of newestFirst) {
    if (sidecar !== undefined && !ids.has(cluster)) ids.set(cluster, sidecar.clusterId);
  }
  const keys = newestFirst.map(({ cluster }) => ids.get(cluster) ?? cluster);
  const changes = keys.filter((key, index) => key !== keys[index - 1]);
  if (changes.length === new Set(keys).size) return [];
  return newestFirst.map(({ cluster }) => cluster);
}

function someOf(names: readonly string[]): string {
  const all = [...new Set(names)].sort();
  const more = all.length - SHOWN;
  return `${all.slice(0, SHOWN).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

function notOne(code: string, what: string): OperatorError {
  return new OperatorError("usage", code, what, {
    hint: "name the ARCHIVE you mean, by path, file name or id; railiance-cluster list shows them",
  });
}
