/** Archive file names: what `list` knows without a key. */

export interface ArchiveName {
  /** As `plainName` leaves it. */
  readonly cluster: string;
  readonly host: string;
  /** UTC to the second, e.g. `2026-11-23T02:31:07Z`. */
  readonly created: string;
  /** 8 hex digits. */
  readonly id: string;
}

const EXTENSION = ".tar.zst.age";
const NAME =
  /^railiance-cluster_(?<cluster>[^_]+)_(?<host>[^_]+)_(?<stamp>\d{8}T\d{6}Z)_(?<id>[0-9a-f]{8})\.tar\.zst\.age$/;
const STAMP = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/;
const LONGEST_PART = 63;

/**
 * `railiance-cluster_<cluster>_<host>_<YYYYMMDDTHHMMSSZ>_<id>.tar.zst.age`.
 * Cluster and host are made plain. Throws a TypeError when `created` or `id`
 * is not of its form.
 */
export function archiveName(
  parts: Omit<ArchiveName, "created"> & { readonly created: string | Date },
): string {
  const created =
    typeof parts.created === "string"
      ? parts.created
      : parts.created.toISOString().slice(0, 19) + "Z";
  const stamp = created.replaceAll(/[-:]/g, "");
  const name = `railiance-cluster_${plainName(parts.cluster)}_${plainName(parts.host)}_${stamp}_${parts.id}${EXTENSION}`;
  if (parseArchiveName(name) === undefined) {
    throw new TypeError(`cannot name an archive of ${created} with id ${parts.id}`);
  }
  return name;
}

/** What a file name says, or undefined when `archiveName` would not have made it. */
export function parseArchiveName(name: string): ArchiveName | undefined {
  const groups = NAME.exec(name)?.groups;
  const { cluster, host, stamp, id } = groups ?? {};
  if (cluster === undefined || host === undefined || stamp === undefined || id === undefined) {
    return undefined;
  }
  if (cluster !== plainName(cluster) || host !== plainName(host)) return undefined;
  const created = stamp.replace(STAMP, "$1-$2-$3T$4:$5:$6Z");
  const time = new Date(created);
  // A month 13 is no date; a 31st of April is one, but another day.
  if (Number.isNaN(time.getTime()) || !time.toISOString().startsWith(created.slice(0, -1))) {
    return undefined;
  }
  return { cluster, host, created, id };
}

/** A name fit for a file name: `a-z0-9.-`, not beginning or ending in `.` or `-`, at most 63 long, never empty. */
export function plainName(text: string): string {
  const plain = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9.-]+/g, "-")
    .replace(/^[.-]+/, "")
    .slice(0, LONGEST_PART)
    .replace(/[.-]+$/, "");
  return plain === "" ? "unnamed" : plain;
}

/** For sorting: the newest first; of the same second, by id. */
export function newestFirst(left: ArchiveName, right: ArchiveName): number {
  const before = [left.created, left.id];
  const after = [right.created, right.id];
  return before.join(" ") < after.join(" ") ? 1 : before.join(" ") > after.join(" ") ? -1 : 0;
}
