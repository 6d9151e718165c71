/** Is a restore of ours unfinished, is K3s held back as it should be, and why does it not run? */
import { OperatorError } from "../errors.ts";
import { GUARD_FILE, GUARD_OPEN_FILE, guardState } from "../k3s/guard.ts";
import { fatalIn } from "../k3s/ready.ts";
import { lastServiceLines, serverProcesses, serviceState } from "../k3s/service.ts";
import { resetRunning } from "./attempt-guard.ts";
import { fail, ok, warn } from "./doctor-check.ts";
import { STEPS, readJournal } from "./journal.ts";
import { restoreUnfinished } from "./restore-unfinished.ts";
import { shellWord } from "./shell-quote.ts";
import type { DoctorCheck } from "./doctor-check.ts";
import type { JournalState } from "./journal.ts";
import type { ServiceState } from "../k3s/service.ts";
import type { Host } from "../sys/host.ts";

export interface RestoreLook {
  readonly checks: readonly DoctorCheck[];
  /** The unfinished restore; undefined when there is none, or when its journal cannot be read. */
  readonly journal: JournalState | undefined;
  readonly damaged: boolean;
}

/** `atWork`: another run holds the lock, so an open journal is a restore that goes on right now. */
export async function restoreChecks(atWork: string | undefined): Promise<RestoreLook> {
  const guard = await guardState();
  let journal: JournalState | undefined;
  try {
    journal = await readJournal();
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    const { message, hint, exit } = error;
    const check = fail("restore.unfinished", message, { hint, exit });
    return { checks: [check, ...guardChecks(guard, true)], journal: undefined, damaged: true };
  }
  if (atWork?.startsWith("restore") === true) {
    const text = `a restore is at work (${atWork}); K3s is held back until it has ended`;
    return { checks: [ok("restore.unfinished", text)], journal, damaged: false };
  }
  const checks =
    journal === undefined
      ? [ok("restore.unfinished", "no restore is unfinished"), ...guardChecks(guard, false)]
      : [unfinishedCheck(journal), ...guardChecks(guard, true, journal)];
  return { checks, journal, damaged: false };
}

function unfinishedCheck(journal: JournalState): DoctorCheck {
  const { message, exit } = restoreUnfinished(journal);
  const at = STEPS.findIndex((step) => step === journal.unfinished);
  const place =
    at < 0 || journal.rollingBack || journal.kept ? "" : ` (${at + 1} of ${STEPS.length})`;
  const go = journal.kept
    ? "accept it: railiance-cluster restore --resume"
    : "go on:   railiance-cluster restore --resume";
  const back = "go back: railiance-cluster restore --rollback";
  return fail("restore.unfinished", message.replace(/(at the step "\w+")/, `$1${place}`), {
    exit,
    hint: journal.rollingBack ? back : `${go}\n${back}`,
  });
}

/** The guard and the journal belong together: one without the other is half of a cut, or somebody's clean-up. */
function guardChecks(
  guard: { readonly on: boolean; readonly open: boolean },
  held: boolean,
  journal?: JournalState,
): DoctorCheck[] {
  const reload = "systemctl daemon-reload";
  if (!held) {
    const left = [...(guard.on ? [GUARD_FILE] : []), ...(guard.open ? [GUARD_OPEN_FILE] : [])];
    if (left.length === 0) return [];
    return [
      warn(
        "restore.guard",
        `a drop-in of a restore is left, and the restore it belonged to is over (${left.join(", ")}); it holds nothing back now`,
        `rm ${left.map(shellWord).join(" ")} && ${reload}`,
      ),
    ];
  }
  // Nothing is half done yet, or the restored cluster is meant to run.
  const isHarmless =
    journal !== undefined && (!journal.begun.has("aside") || journal.kept || isChecked(journal));
  if (!guard.on) {
    if (isHarmless) return [];
    return [
      fail(
        "restore.guard",
        `K3s is NOT held back: ${GUARD_FILE} is gone, and a start on half-done data may bring up an empty cluster`,
        {
          exit: "refused",
          hint:
            journal === undefined
              ? `do not start K3s; until the data is put right: systemctl mask --runtime k3s`
              : "do not start K3s; railiance-cluster restore --resume and --rollback put the guard on again",
        },
      ),
    ];
  }
  if (!guard.open || isHarmless || journal?.done.has("reset") === true) return [];
  return [
    fail(
      "restore.guard",
      `K3s is NOT held back until the next boot: ${GUARD_OPEN_FILE} hides the drop-in that does it`,
      { exit: "refused", hint: `rm ${shellWord(GUARD_OPEN_FILE)} && ${reload}` },
    ),
  ];
}

function isChecked({ done, rollingBack }: JournalState): boolean {
  return done.has("check") && !rollingBack;
}

/** `isHeld`: a restore that is not finished says why already. `isNew`: K3s has no data here yet. */
export async function serviceCheck(
  host: Host,
  options: { readonly hasUnit: boolean; readonly isHeld: boolean; readonly isNew: boolean },
): Promise<{ readonly check: DoctorCheck; readonly running: boolean }> {
  const id = "k3s.service";
  const reset = await resetRunning();
  if (reset !== undefined) {
    const text = `a k3s server --cluster-reset runs (process ${reset})`;
    const hint = "wait until it has ended, then run this again";
    return { check: warn(id, text, hint), running: false };
  }
  const state = await serviceState(host);
  const running = state === "active";
  if (!options.hasUnit) {
    const text = "there is no k3s.service on this host: K3s is not installed as a server";
    const hint = "a restore brings the unit of the archive; K3s's program has to be here before";
    return { check: warn(id, text, hint), running };
  }
  if (running) return { check: ok(id, "K3s runs"), running };
  if (options.isHeld) return { check: warn(id, `K3s does not run (${state}), see above`), running };
  // K3s hides its arguments (its title is `k3s server`), so a reset may look like any server.
  const [stranger] = state === "inactive" || state === "failed" ? await serverProcesses() : [];
  if (stranger !== undefined) {
    const text = `k3s.service is ${state}, and a K3s server that it does not know of runs (process ${stranger}); it may be a reset by hand`;
    return { check: fail(id, text, { hint: `look: ps -o lstart,args ${stranger}` }), running };
  }
  if (options.isNew && state === "inactive") {
    const text = "K3s is installed and does not run, as it should be before a restore";
    const hint = "started now, it would begin an empty cluster";
    return { check: warn(id, text, hint), running };
  }
  return { check: await downCheck(host, id, state), running };
}

/** Words of K3s's last fatal line, and what they mean (k3s.md 5). */
const REASONS: readonly (readonly [words: RegExp, hint: (found: string) => string])[] = [
  [
    /(\S+) newer than datastore/,
    (found) =>
      `move ${found} aside and start, K3s makes it from the datastore: mv ${found} ${found}.aside && systemctl restart k3s`,
  ],
  [
    /encrypted with different token/,
    () =>
      "the token is of another cluster, or was replaced; the right one is in every archive: railiance-cluster extract k3s/token -o FOLDER",
  ],
  [
    /previously reset/,
    () =>
      "--cluster-reset is still in the unit or the configuration: take it out, then systemctl restart k3s",
  ],
];

/** What helps when nothing else is known. */
export const START_IT = "systemctl start k3s";

async function downCheck(host: Host, id: string, state: ServiceState): Promise<DoctorCheck> {
  const lines = await lastServiceLines(host, 200);
  // What it said before it last ran is of another time.
  const said = fatalIn(lines.slice(lines.findLastIndex((line) => RUNS.test(line)) + 1));
  if (state === "activating" && said === undefined) {
    return warn(id, "K3s is starting, and not ready yet", "run this again in a minute");
  }
  const known = REASONS.flatMap(([words, hint]) => {
    const found = words.exec(said ?? "");
    return found === null ? [] : [hint(shellWord(found[1] ?? ""))];
  })[0];
  const text =
    state === "activating" ? "K3s starts again and again" : `K3s does not run (${state})`;
  return fail(id, said === undefined ? text : `${text}; its last words: ${said.slice(0, 300)}`, {
    hint: known ?? (said === undefined ? START_IT : "journalctl -u k3s -n 50"),
  });
}

const RUNS = /\bk3s is up and running\b/;
