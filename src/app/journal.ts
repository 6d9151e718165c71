/** The journal of a restore: each step is on the disk before it happens. */
import * as v from "valibot";
import { OperatorError } from "../errors.ts";
import { writeFileAtomic } from "../sys/atomic.ts";
import { openAppendLog } from "../sys/append-log.ts";
import { linkStatOf, readTextIfPresent } from "../sys/files.ts";
import { moveDurably } from "../sys/moves.ts";
import { STATE_FOLDER } from "./places.ts";

/** Its presence holds K3s back (k3s/guard.ts). */
export const JOURNAL = `${STATE_FOLDER}/restore.journal`;

/** The steps in their order. */
export const STEPS = [
  "guard",
  "stop",
  "aside",
  "files",
  "reset",
  "start",
  "check",
  "finish",
] as const;
export type StepName = (typeof STEPS)[number];

const move = v.object({
  from: v.string(),
  /** Where what was there is kept. */
  to: v.string(),
  /** Where going back puts what the restore made there. */
  undone: v.string(),
  /** Whether there was anything. */
  had: v.boolean(),
});
const file = v.object({
  /** In the staged archive. */
  entry: v.string(),
  target: v.string(),
  /** Where the file that was there is kept; null when there was none. */
  kept: v.nullable(v.string()),
  mode: v.number(),
  uid: v.number(),
  gid: v.number(),
  /** Of a staged file that is not the archive's own. */
  sha256: v.optional(v.string()),
  /** Mode of its folder when that has to be made. */
  folder: v.optional(v.number()),
});

const peer = v.object({
  name: v.string(),
  address: v.string(),
  peerPort: v.number(),
  apiPort: v.number(),
});

const planSchema = v.object({
  id: v.string(),
  started: v.string(),
  archive: v.string(),
  /** Folder of this restore: `archive/` staged plaintext, `before/` replaced files. */
  folder: v.string(),
  dataDir: v.string(),
  /** What of the data dir is moved aside. */
  moves: v.array(move),
  files: v.array(file),
  wasRunning: v.boolean(),
  /** It ran, and its API server said that it was ready. */
  wasReady: v.boolean(),
  hadUnit: v.boolean(),
  keep: v.boolean(),
  /** What is restored; for estimates of later ones. */
  datastore: v.optional(v.object({ kind: v.picklist(["etcd", "sqlite"]), bytes: v.number() })),
  /** Path of the safety backup, when there is one. */
  safetyBackup: v.optional(v.string()),
  /** The other servers that must not run; plans of the first release do not have it. */
  peers: v.optional(v.array(peer), []),
  forced: v.optional(v.boolean(), false),
  /** Present when this server joins a restored one (`restore --peer`): the restored server's URL, and this one's node. */
  join: v.exactOptional(v.object({ url: v.string(), nodeName: v.string() })),
});

/** All that a resume or rollback has to know; the first line of the journal. */
export type RestorePlan = v.InferOutput<typeof planSchema>;
export type Move = v.InferOutput<typeof move>;
export type PeerRecord = v.InferOutput<typeof peer>;
export type FileChange = v.InferOutput<typeof file>;

const lineSchema = v.variant("type", [
  v.object({ type: v.literal("plan"), plan: planSchema }),
  v.object({ type: v.literal("begin"), step: v.picklist(STEPS), at: v.string() }),
  v.object({ type: v.literal("done"), step: v.picklist(STEPS), at: v.string() }),
  v.object({ type: v.literal("rollback"), at: v.string(), reason: v.string() }),
  v.object({ type: v.literal("kept"), at: v.string(), reason: v.string() }),
]);

export interface JournalState {
  readonly plan: RestorePlan;
  readonly done: ReadonlySet<StepName>;
  readonly begun: ReadonlySet<StepName>;
  /** The step that was begun and not finished. */
  readonly unfinished: StepName | undefined;
  readonly rollingBack: boolean;
  /** The restored cluster failed the health gate and was kept all the same: a resume accepts it. */
  readonly kept: boolean;
}

export interface Journal extends AsyncDisposable {
  begin(step: StepName): Promise<void>;
  done(step: StepName): Promise<void>;
  rollback(reason: string): Promise<void>;
  kept(reason: string): Promise<void>;
}

/** Reads the journal of an unfinished restore, or one that was filed; undefined when there is none. A last line cut by a power cut is ignored. */
export async function readJournal(path = JOURNAL): Promise<JournalState | undefined> {
  const text = await readTextIfPresent(path);
  if (text === undefined) return undefined;
  const lines = text.split("\n").slice(0, -1).map(parseLine);
  const first = lines[0];
  if (first?.type !== "plan") throw damaged("does not begin with the plan of a restore");
  const done = new Set<StepName>();
  const begun = new Set<StepName>();
  let unfinished: StepName | undefined;
  for (const line of lines) {
    if (line.type === "begin") {
      unfinished = line.step;
      begun.add(line.step);
    }
    if (line.type === "done") {
      done.add(line.step);
      unfinished = undefined;
    }
  }
  const has = (type: string): boolean => lines.some((line) => line.type === type);
  return {
    plan: first.plan,
    done,
    begun,
    unfinished,
    rollingBack: has("rollback"),
    kept: has("kept"),
  };
}

/** Begins a journal with its plan, or goes on with the one that is there. */
export async function openJournal(options: {
  readonly plan?: RestorePlan;
  readonly now: () => Date;
}): Promise<Journal> {
  if (options.plan !== undefined) {
    const line = JSON.stringify({ type: "plan", plan: options.plan });
    await writeFileAtomic(JOURNAL, `${line}\n`);
  } else await dropCutLine();
  const log = await openAppendLog(JOURNAL);
  const at = (): string => options.now().toISOString();
  return {
    begin: (step) => log.append({ type: "begin", step, at: at() }),
    done: (step) => log.append({ type: "done", step, at: at() }),
    rollback: (reason) => log.append({ type: "rollback", at: at(), reason }),
    kept: (reason) => log.append({ type: "kept", at: at(), reason }),
    [Symbol.asyncDispose]: () => log[Symbol.asyncDispose](),
  };
}

/** A power cut may leave half a line; what is appended next must not run into it. */
async function dropCutLine(): Promise<void> {
  const text = (await readTextIfPresent(JOURNAL)) ?? "";
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  if (whole !== text) await writeFileAtomic(JOURNAL, whole);
}

/** Files the journal away: from then on nothing of the restore is left to do. */
export async function closeJournal(plan: RestorePlan): Promise<void> {
  const filed = `${plan.folder}/journal`;
  try {
    await moveDurably(JOURNAL, filed);
  } catch (error) {
    // Only the sync of its folder failed. Should a power cut bring it back, it is ended once more.
    const isFiled =
      (await linkStatOf(JOURNAL)) === undefined && (await linkStatOf(filed)) !== undefined;
    if (!isFiled) throw error;
  }
}

function parseLine(text: string): v.InferOutput<typeof lineSchema> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  const result = v.safeParse(lineSchema, value);
  if (result.success) return result.output;
  throw damaged("has a line that is not ours");
}

/** K3s stays held back: whether its data is whole only the journal could tell. */
function damaged(what: string): OperatorError {
  return new OperatorError("error", "JOURNAL_DAMAGED", `${JOURNAL} is damaged: it ${what}`, {
    hint: `K3s is held back while that file is there; the data from before is in server/before-… and server/db/before-… below its data folder, configuration and units that were replaced in ${STATE_FOLDER}/restore-…/before: move all of it back by hand, or follow RUNBOOK.md of the archive, and only then move the file away`,
  });
}
