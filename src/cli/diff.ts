/** `railiance-cluster diff` */
import { diff } from "../app/diff.ts";
import {
  CHANGES,
  SIGNS,
  changeLines,
  churnCounts,
  churnText,
  differencesOf,
  helmText,
  nameOf,
} from "../app/diff-words.ts";
import { count } from "../words.ts";
import {
  COMMON_FLAGS,
  DATA_DIR,
  DIR,
  IDENTITY,
  archiveOf,
  directoryOf,
  pathOf,
  pathsOf,
} from "./args.ts";
import { formatAge, formatTime, table } from "./format.ts";
import type { DiffResult, DiffSide } from "../app/diff.ts";
import type { Command } from "./command.ts";

type Comparison = DiffResult["comparison"];

export const diffCommand: Command = {
  name: "diff",
  summary: "show which objects changed since an archive, or between two",
  about:
    "Compares an archive with the cluster that runs here (by a snapshot saved and removed through K3s, or a copy of its SQLite database; when K3s is down, of its files), or with a newer archive: which objects were created, changed, deleted, or made anew (the same name, another UID), and which helm releases moved. Archives are verified first; what is in an object is never shown. Leases, events and the like are only counted. Reads embedded etcd and SQLite. The exit code is 0 whether or not anything differs.",
  flags: [
    { name: "all", kind: "boolean", help: "list every object, also leases, events and the like" },
    { name: "force", kind: "boolean", help: "compare although they are of different clusters" },
    DIR,
    DATA_DIR,
    IDENTITY,
    ...COMMON_FLAGS,
  ],
  positionals: [
    {
      name: "OLDER",
      help: "path, file name, or id of an archive (default: this host's newest)",
      count: "optional",
    },
    {
      name: "NEWER",
      help: "the same of a newer one (default: the live cluster, which needs root)",
      count: "optional",
    },
  ],
  examples: [
    { does: "what a restore of the newest archive would undo here", run: "diff" },
    { does: "every object that differs between two archives", run: "diff 7f3a 91c0 --all" },
    { does: "what was deleted", run: "diff --all --json | jq -r '.deleted.objects[].object'" },
  ],
  exits: ["verifyFailed", "precondition", "locked", "key", "notFound", "refused"],
  keepsResult: false,
  async run(input, context) {
    const [older, newer] = input.positionals.map((name) => archiveOf(name, context));
    const result = await diff(context, {
      older,
      newer,
      directory: directoryOf(input, context),
      dataDir: pathOf(input, "data-dir", context),
      identityFiles: pathsOf(input, "identity", context),
      force: input.has("force"),
    });
    const all = input.has("all");
    return {
      exit: "ok",
      lines: linesOf(result, { all, now: context.host.now() }),
      clusterId: result.newer.clusterId,
      fields: fieldsOf(result, all),
    };
  },
};

function linesOf(
  { older, newer, comparison }: DiffResult,
  options: { readonly all: boolean; readonly now: Date },
): string[] {
  const sides = table([
    ["older", ...sideCells(older, options.now)],
    ["newer", ...sideCells(newer, options.now)],
  ]);
  const changes = options.all ? everyLine(comparison) : changeLines(comparison, { view: "diff" });
  const { helm, unopened, unchanged } = comparison;
  const moves = helm.map((move) => helmText(move, { back: false })).join(", ");
  const churn = churnText(comparison);
  return [
    ...sides,
    ...(changes.length === 0 ? ["no object was created, changed or deleted"] : changes),
    ...(helm.length === 0 ? [] : [`${count(helm.length, "helm release")} moved: ${moves}`]),
    `${count(unchanged, "key")} the same${churn === undefined ? "" : `; not counted as changes: ${churn}`}`,
    ...(options.all || comparison.differences.length === 0 ? [] : ["every name: --all"]),
    ...(unopened === 0
      ? []
      : [`${count(unopened, "encrypted value")} could not be opened: compared as stored`]),
  ];
}

function sideCells(side: DiffSide, now: Date): string[] {
  const live = side.stopped === true ? "files of the stopped cluster" : "live cluster";
  const what = side.kind === "live" ? `${live}, ${side.host}` : (side.path ?? "");
  const age = formatAge(new Date(side.created), now);
  return [`${formatTime(side.created)} (${age})`, `revision ${side.revision}`, what];
}

/** By name within each kind of change; noise last, with its reason. */
function everyLine(comparison: Comparison): string[] {
  const lines = CHANGES.flatMap((change) =>
    differencesOf(comparison, change)
      .map((one) => `${SIGNS[change]} ${nameOf(one)}`)
      .sort(),
  );
  const noise = comparison.churn.map((one) => `. ${nameOf(one)} (${one.change}: ${one.reason})`);
  return [...lines, ...noise.sort()];
}

function fieldsOf({ older, newer, comparison }: DiffResult, all: boolean): Record<string, unknown> {
  const changes = CHANGES.map((change): [string, unknown] => {
    const found = differencesOf(comparison, change);
    return [change, { count: found.length, ...(all && { objects: found.map(objectFields) }) }];
  });
  const { churn, helm, unchanged, unopened } = comparison;
  const noise = churn.map((one) => ({
    ...objectFields(one),
    change: one.change,
    reason: one.reason,
  }));
  return {
    older: sideFields(older),
    newer: sideFields(newer),
    ...Object.fromEntries<unknown>(changes),
    unchanged,
    unopened,
    churn: { count: churn.length, by: churnCounts(churn), ...(all && { objects: noise }) },
    helm: helm.map(({ older: from, newer: to, ...move }) => ({
      ...move,
      from: from ?? null,
      to: to ?? null,
    })),
  };
}

function sideFields({ created, clusterId, ...side }: DiffSide): Record<string, unknown> {
  return { ...side, created_at: created, cluster_id: clusterId };
}

function objectFields(one: Comparison["differences"][number]): Record<string, unknown> {
  return {
    object: nameOf(one),
    key: one.key,
    uid: one.uid ?? null,
    revision: one.modRevision,
    deleting: one.deleting,
  };
}
