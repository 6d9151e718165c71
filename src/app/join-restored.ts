/** `restore --peer URL`: this server gives up its old database and joins the restored one. */
import { OperatorError } from "../errors.ts";
import { hostOfUrl, nodeOfMember } from "../k3s/members.ts";
import { enableService, startsAtBoot } from "../k3s/service.ts";
import { readSettings } from "../k3s/settings.ts";
import { writeFileAtomic } from "../sys/atomic.ts";
import { readBytesIfPresent } from "../sys/files.ts";
import { ensurePrivateFolder } from "../sys/private-folder.ts";
import { makeFolders } from "../sys/moves.ts";
import { removeFile, removeFolder } from "../sys/remove.ts";
import { explainWriteError } from "../sys/write-errors.ts";
import { checkJoinable } from "./join-check.ts";
import { joinFiles } from "./join-config.ts";
import { JOIN_STEPS } from "./join-steps.ts";
import { JOURNAL, openJournal } from "./journal.ts";
import { wipeLeftovers } from "./make-stage.ts";
import { STATE_FOLDER } from "./places.ts";
import { act, stepsFor } from "./restore-act.ts";
import { keptFolders, movesOf } from "./restore-plan.ts";
import { stagedPath } from "./restore-steps.ts";
import { writeBallast } from "./restore-traces.ts";
import type { Settings } from "../k3s/settings.ts";
import type { Context } from "./context.ts";
import type { Joinable } from "./join-check.ts";
import type { JoinFile } from "./join-config.ts";
import type { FileChange, Journal, RestorePlan } from "./journal.ts";
import type { RestoreResult } from "./restore.ts";

/** Of `<data-dir>/server`: the databases. Keys, token and snapshots stay where they are. */
const DATABASES = ["db/etcd", "db/reset-flag", "db/state.db", "db/state.db-wal", "db/state.db-shm"];

export interface JoinOptions {
  /** Of the restored server, `https://ADDRESS:6443`. */
  readonly url: string;
  readonly dataDir: string | undefined;
  readonly yes: boolean;
  readonly plan: boolean;
}

/**
 * Call as root, holding the lock. Ends in one of two states: this server is a
 * voter of the restored cluster and starts at boot, or its old data is back in
 * place and K3s is stopped and disabled (started, it would bring the old cluster
 * back); then it throws an OperatorError. A second run finds a voter, and at the most enables K3s.
 */
export async function joinRestored(context: Context, options: JoinOptions): Promise<RestoreResult> {
  const { url } = options;
  const settings = await readSettings({ dataDir: options.dataDir });
  const joinable = await checkJoinable(context, { url, settings });
  const result = { archive: url, plan: [], kept: [], steps: [], warnings: [], next: [] };
  if (joinable.joined) {
    await staysJoined(context, options);
    return { ...result, outcome: "joined" };
  }
  const files = await joinFiles(settings, { url, token: joinable.token });
  const plan = await planJoin(context, { url, settings, joinable, files });
  const sentences = describeJoin(plan, { joinable, files });
  for (const text of sentences) context.talk({ type: "note", text });
  const planned = { ...result, plan: sentences, kept: keptFolders(plan) };
  if (options.plan) return { ...planned, outcome: "planned" };
  await consent(context, options);
  await using journal = await begin(context, plan, files);
  const steps = await act(context, {
    plan,
    journal,
    steps: stepsFor(JOIN_STEPS, { context, plan }),
  });
  return { ...planned, outcome: "joined", steps };
}

/** Whoever disabled K3s here since, as a restore asks for: it has to start at boot, as after every join. */
async function staysJoined({ host, talk }: Context, { url, plan }: JoinOptions): Promise<void> {
  const enabled = await startsAtBoot(host);
  if (!enabled && !plan) await enableService(host);
  const boot = enabled
    ? ""
    : `; ${plan ? "would be enabled" : "enabled"}, so that it starts at boot`;
  talk({ type: "done", text: `this server is a voter of the cluster at ${url} already${boot}` });
}

async function planJoin(
  context: Context,
  input: {
    readonly url: string;
    readonly settings: Settings;
    readonly joinable: Joinable;
    readonly files: readonly JoinFile[];
  },
): Promise<RestorePlan> {
  const { url, settings, joinable } = input;
  const now = context.host.now();
  const stamp = now.toISOString().replace(/[-:]|\.\d+/g, "");
  const folder = `${STATE_FOLDER}/restore-${stamp}-join`;
  return {
    id: `${stamp}-join`,
    started: now.toISOString(),
    archive: url,
    folder,
    dataDir: settings.dataDir,
    moves: await movesOf(settings.dataDir, { stamp, items: DATABASES }),
    files: await changesFor(input.files, folder),
    // Going back puts the old data back and does not start K3s: it would bring the old cluster back.
    wasRunning: false,
    wasReady: false,
    hadUnit: true,
    keep: false,
    peers: [],
    forced: false,
    join: { url, nodeName: joinable.nodeName },
  };
}

async function changesFor(files: readonly JoinFile[], folder: string): Promise<FileChange[]> {
  const changes: FileChange[] = [];
  for (const [index, { target }] of files.entries()) {
    const isThere = (await readBytesIfPresent(target)) !== undefined;
    changes.push({
      entry: `join-${index}`,
      target,
      kept: isThere ? `${folder}/before${target}` : null,
      mode: 0o600,
      uid: 0,
      gid: 0,
    });
  }
  return changes;
}

function describeJoin(
  plan: RestorePlan,
  { joinable, files }: { readonly joinable: Joinable; readonly files: readonly JoinFile[] },
): string[] {
  const kept = keptFolders(plan);
  const members = joinable.members.map(({ name }) => nodeOfMember(name)).join(", ");
  return [
    `join           ${plan.archive}, whose etcd has ${joinable.members.length} member${joinable.members.length === 1 ? "" : "s"}: ${members}`,
    kept.length === 0
      ? "data           none here"
      : `data           this server's database is given up: kept in ${kept.join(" and ")}, not used any more; snapshots stay where they are`,
    files.length === 0
      ? "configuration  right as it is"
      : `configuration  ${files.map(({ target, purpose }) => `${target} (${purpose})`).join(", ")}`,
    "what happens   hold K3s back, stop it, move the database aside, start, wait for its vote, have it start at boot",
    "way back       the old data in place, K3s stopped and disabled, automatic if it does not join; none once it has a vote",
  ];
}

async function consent(context: Context, { yes, url }: JoinOptions): Promise<void> {
  if (yes) return;
  const refuse = (message: string): OperatorError =>
    new OperatorError("refused", "NO_CONSENT", message, {
      hint: "nothing was changed; for scripts: --yes",
    });
  if (context.ask === undefined) {
    throw refuse("joining has to be confirmed, and there is no terminal to ask on");
  }
  const address = hostOfUrl(url);
  const answer = await context.ask(
    `Give up this server's data? Type the restored server's address (${address}) to go on: `,
  );
  if (answer.trim() !== address) throw refuse("joining was not confirmed");
}

/** The last moment at which nothing on the host is touched: whatever fails here leaves nothing. */
async function begin(
  context: Context,
  plan: RestorePlan,
  files: readonly JoinFile[],
): Promise<Journal> {
  context.host.signal.throwIfAborted();
  try {
    await wipeLeftovers();
    await ensurePrivateFolder(STATE_FOLDER);
    for (const [index, { content }] of files.entries()) {
      const place = stagedPath(plan, `join-${index}`);
      await makeFolders(`${plan.folder}/archive`, 0o700);
      await writeFileAtomic(place, content, { mode: 0o600 });
    }
    await makeFolders(plan.folder, 0o700);
    await writeBallast(plan);
    return await openJournal({ plan, now: () => context.host.now() });
  } catch (error) {
    await removeFile(JOURNAL);
    await removeFolder(plan.folder);
    throw explainWriteError(error, plan.folder);
  }
}
