/** A restore by hand that did not end well, in sentences with the next command. */
import { restartWith } from "./attempt-hints.ts";
import { readAttempt, sqliteAt } from "./attempt-facts.ts";
import { judgeAttempt } from "./attempt-verdict.ts";
import { wayBack } from "./attempt-way-back.ts";
import { fail, ok, warn } from "./doctor-check.ts";
import { shellWord } from "./shell-quote.ts";
import { timeText } from "../words.ts";
import type { AttemptFacts, Candidate, Trace } from "./attempt-facts.ts";
import type { AttemptVerdict, Instead } from "./attempt-verdict.ts";
import type { WayBack } from "./attempt-way-back.ts";
import type { DoctorCheck } from "./doctor-check.ts";
import type { Settings } from "../k3s/settings.ts";
import type { Host } from "../sys/host.ts";

export interface AttemptOptions {
  /** K3s is up. */
  readonly running: boolean;
  /** There is an archive to restore or take the token from. */
  readonly hasArchive: boolean;
}

/** Everything that a restore by hand may have left in the way, in the order of how much depends on it. */
export async function attemptChecks(
  host: Host,
  settings: Settings,
  options: AttemptOptions,
): Promise<{
  readonly checks: readonly DoctorCheck[];
  /** Of what a start of K3s takes now. */
  readonly current: Trace | undefined;
}> {
  const facts = await readAttempt(host, settings, { figures: true });
  const verdict = judgeAttempt(facts, options.running);
  const stamp = timeText(host.now()).replace(/[-:]/g, "");
  const main = await verdictCheck(facts, verdict, { ...options, settings, stamp });
  const checks = [main, ...(await strayChecks(facts, verdict, { settings, stamp }))];
  const found = checks.filter((check) => check !== undefined);
  return {
    checks: found.length === 0 ? [ok("attempt", nothingLeft(facts))] : found,
    current: facts.current,
  };
}

function nothingLeft({ folder }: AttemptFacts): string {
  return folder.etcdOld.some(({ whole }) => whole)
    ? "no restore by hand is half done; a database that one moved aside is still kept"
    : "no restore by hand is half done";
}

interface Making extends AttemptOptions {
  readonly settings: Settings;
  readonly stamp: string;
}

async function verdictCheck(
  facts: AttemptFacts,
  verdict: AttemptVerdict,
  making: Making,
): Promise<DoctorCheck | undefined> {
  const { folder } = facts;
  switch (verdict.state) {
    case "none":
      return undefined;
    case "failed": {
      const way = await wayBack(facts, verdict.real, making);
      return fail("attempt.failed", failedText(facts, verdict, making.running), {
        exit: "refused",
        hint: failedHint(facts, verdict, { ...making, ...way }),
      });
    }
    case "wrong-token": {
      const way = await wayBack(facts, verdict.real, making);
      return fail(
        "attempt.wrong-token",
        `a reset by hand put a snapshot in place with a token that does not open it, and K3s will not start on it; what ran before is ${databaseText(verdict.real)}`,
        {
          exit: "refused",
          hint: [
            ...goBack(way, making.hasArchive),
            "or run the same reset again with the right token",
          ].join("\n"),
        },
      );
    }
    case "not-started":
      return warn(
        "attempt.not-started",
        `a reset by hand has put a snapshot in place, and K3s has not run on it since${
          verdict.real === undefined ? "" : `; what ran before is ${databaseText(verdict.real)}`
        }`,
        verdict.real === undefined
          ? "go on: systemctl start k3s"
          : [
              "go on:   systemctl start k3s",
              ...goBack(await wayBack(facts, verdict.real, making), making.hasArchive),
            ].join("\n"),
      );
    case "torso":
      return fail(
        "attempt.torso",
        `${folder.db}/etcd holds parts of a database and no log, as a reset that was cut off leaves it, and no other database is here; K3s started now would hang or come up empty`,
        { exit: "refused", hint: restoreHint(making.hasArchive) },
      );
    case "unknown":
      return warn(
        "attempt.unknown",
        `${folder.db}/etcd cannot be read, so it is not known whether it or ${databaseText(verdict.real)} is this server's database`,
        "look with: k3s kubectl get namespaces",
      );
  }
}

const INSTEAD: Readonly<Record<Instead, readonly [running: string, stopped: string]>> = {
  nothing: ["K3s runs without it", "K3s started now would come up empty"],
  torso: [
    "K3s hangs on parts of a database",
    "K3s started now would hang on parts of a database, or come up empty",
  ],
  sqlite: [
    "K3s runs on a new, empty SQLite cluster",
    "K3s would start on a new, empty SQLite cluster",
  ],
  etcd: ["K3s runs on a new, empty etcd cluster", "K3s would start on a new, empty etcd cluster"],
};

/** The one sentence for `doctor`, and for commands that must not go on. */
export function failedText(
  facts: AttemptFacts,
  { real, instead }: AttemptVerdict & { readonly state: "failed" },
  running: boolean,
): string {
  const [now, later] = INSTEAD[instead];
  const begun = facts.current?.begun ?? facts.folder.database?.made;
  const since =
    (instead === "sqlite" || instead === "etcd") && begun !== undefined
      ? ` that began ${timeText(begun)}`
      : "";
  return `a reset by hand failed and left this server's database in ${databaseText(real)}; ${running ? now : later}${since}`;
}

/** `…/etcd-old-1795439532 (revision 1207, 812 keys, last alive 2026-11-23T02:31:07Z)`. */
export function databaseText({ old, trace }: Candidate): string {
  return `${old.path}${traceText(trace)}`;
}

function traceText(trace: Trace | undefined): string {
  if (trace === undefined) return " (cannot be read)";
  const parts = [
    ...(trace.revision === undefined ? [] : [`revision ${trace.revision}`]),
    ...(trace.keys === undefined ? [] : [`${trace.keys} keys`]),
    ...(trace.alive === undefined ? [] : [`last alive ${timeText(trace.alive)}`]),
  ];
  return parts.length === 0 ? "" : ` (${parts.join(", ")})`;
}

function failedHint(
  facts: AttemptFacts,
  verdict: AttemptVerdict & { readonly state: "failed" },
  way: Making & WayBack,
): string {
  const anew = verdict.instead === "sqlite" || verdict.instead === "etcd";
  const { db } = facts.folder;
  return [
    ...goBack(way, way.hasArchive),
    ...(way.hasArchive ? ["or restore an archive: railiance-cluster restore"] : []),
    ...(anew
      ? [
          `or, if the new cluster is the one you want: mv ${shellWord(verdict.real.old.path)} ${shellWord(`${db}/aside-etcd-${way.stamp}`)}`,
        ]
      : []),
  ].join("\n");
}

/** Alternatives stand on lines of their own, a label and then nothing but the command. */
function goBack(way: WayBack, hasArchive: boolean): string[] {
  if (!way.needsArchive || hasArchive) return [`go back: ${way.command}`];
  return [
    "no token on this host opens it, and there is no archive to take one from: write the right one to /run/railiance-way-back/k3s/token instead of the first command",
    `go back: ${way.command}`,
  ];
}

function restoreHint(hasArchive: boolean): string {
  return hasArchive
    ? "restore the newest archive: railiance-cluster restore"
    : "restore one from elsewhere: railiance-cluster restore --dir FOLDER";
}

/** Pieces that a start of K3s passes over or stumbles on, whatever else is the case. */
async function strayChecks(
  { folder }: AttemptFacts,
  verdict: AttemptVerdict,
  { settings, stamp }: { readonly settings: Settings; readonly stamp: string },
): Promise<(DoctorCheck | undefined)[]> {
  if (verdict.state === "failed" || verdict.state === "torso") return [];
  const aside = `${folder.db}/aside-${stamp}`;
  const moveAside = (what: string): string =>
    `mkdir -m 0700 ${shellWord(aside)} && find ${shellWord(folder.db)} -maxdepth 1 ${what} -exec mv -t ${shellWord(aside)} {} +`;
  const { etcd, database } = folder;
  return [
    etcd === "tombstone"
      ? fail(
          "attempt.tombstone",
          `this server was removed from its etcd cluster (${folder.db}/etcd/tombstone); its database is of no use any more`,
          {
            exit: "refused",
            hint: [
              `with server: and token: of the others in ${settings.configPath} it joins them again: ${restartWith(moveAside("-name etcd"))}`,
              "or make it a cluster of its own from an archive: railiance-cluster restore",
            ].join("\n"),
          },
        )
      : undefined,
    etcd === "torso"
      ? warn(
          "attempt.torso",
          `${folder.db}/etcd holds no database (K3s runs on SQLite), and with cluster-init in the configuration K3s would hang on it`,
          `move it aside: ${moveAside("-name etcd")}`,
        )
      : undefined,
    etcd === "database" && database !== undefined
      ? warn(
          "attempt.stray-sqlite",
          `${database.path}${traceText(await sqliteAt(database.path))} lies beside etcd, which is what K3s takes; a start after a failed reset makes such a file`,
          `move it aside: ${moveAside("'(' -name state.db -o -name 'state.db-*' ')'")}`,
        )
      : undefined,
    folder.migrated !== undefined && etcd === "missing" && database === undefined
      ? fail(
          "attempt.migrated",
          `${folder.migrated} shows that this server moved from SQLite to etcd, and its etcd is gone; K3s started now would come up empty`,
          { exit: "refused", hint: "restore the newest archive: railiance-cluster restore" },
        )
      : undefined,
  ];
}
