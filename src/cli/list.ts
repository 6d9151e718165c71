/** `railiance-cluster list` */
import { listArchives } from "../app/list.ts";
import { sizeText } from "../words.ts";
import { COMMON_FLAGS, DIR, directoryOf } from "./args.ts";
import { formatAge, formatTime, table } from "./format.ts";
import type { ListResult } from "../app/list.ts";
import type { Command } from "./command.ts";

type Archive = ListResult["archives"][number];

export const listCommand: Command = {
  name: "list",
  summary: "list the archives, newest first (needs no key)",
  about:
    "Lists the archives of the folder, newest first, from their names and the files beside them. No key is needed, and nothing is proven: that is what verify does.",
  flags: [DIR, ...COMMON_FLAGS],
  positionals: [],
  examples: [
    { does: "the archives on this host", run: "list" },
    { does: "the path of the newest one", run: "list --json | jq -r '.archives[0].path'" },
  ],
  exits: ["precondition", "notFound"],
  keepsResult: false,
  async run(input, context) {
    const result = await listArchives(context, { directory: directoryOf(input, context) });
    return {
      exit: "ok",
      lines: linesOf(result, context.host.now()),
      fields: {
        directory: result.directory,
        archives: result.archives.map(fieldsOf),
        before_restore: result.beforeRestore.map(fieldsOf),
        bytes: result.size,
      },
    };
  },
};

function linesOf({ archives, beforeRestore }: ListResult, now: Date): string[] {
  if (beforeRestore.length === 0) return tableOf(archives, now);
  return [
    ...(archives.length === 0 ? ["no backup"] : tableOf(archives, now)),
    "",
    "what was here before a restore (no backups: taken only when given by path):",
    ...tableOf(beforeRestore, now),
  ];
}

function tableOf(archives: readonly Archive[], now: Date): string[] {
  const rows = archives.map((archive) => [
    formatTime(archive.created),
    formatAge(new Date(archive.created), now),
    archive.cluster,
    archive.host,
    sizeText(archive.size),
    verifiedText(archive),
    archive.id,
    archive.path,
  ]);
  const head = ["CREATED", "AGE", "CLUSTER", "HOST", "SIZE", "VERIFIED", "ID", "PATH"];
  return table([head, ...rows], [4]);
}

function verifiedText({ sidecar }: Archive): string {
  if (sidecar === undefined) return "unknown";
  return sidecar.verified === null ? "never" : sidecar.verified.at.slice(0, 10);
}

/** What is not known is left out (facts/operations.md 4). */
function fieldsOf({ sidecar, size, created, ...name }: Archive): Record<string, unknown> {
  return {
    path: name.path,
    name: name.name,
    id: name.id,
    cluster: name.cluster,
    host: name.host,
    created_at: created,
    bytes: size,
    ...(sidecar === undefined
      ? {}
      : {
          sha256: sidecar.sha256,
          cluster_id: sidecar.clusterId,
          k3s_version: sidecar.k3sVersion,
          datastore: sidecar.datastore,
          entries: sidecar.entries,
          helm_releases: sidecar.helmReleases,
          gaps: sidecar.gaps,
          encrypted_to: sidecar.recipients,
          verified: sidecar.verified,
        }),
  };
}
