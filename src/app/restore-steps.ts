/** The steps of a restore. Each can be run again after a cut: it looks at what is already so. */
import { dirname } from "node:path";
import { tokenPath } from "../archive/manifest.ts";
import { openGuard, putGuard, removeGuard } from "../k3s/guard.ts";
import { endReset, runReset } from "../k3s/reset.ts";
import {
  enableService,
  reloadUnits,
  requireNoServer,
  startService,
  stopService,
} from "../k3s/service.ts";
import { readSettings } from "../k3s/settings.ts";
import { linkStatOf } from "../sys/files.ts";
import { copyDurably, makeFolders, moveDurably, placeFile } from "../sys/moves.ts";
import { removeFile, removeFolder } from "../sys/remove.ts";
import { syncTrees } from "../sys/sync-tree.ts";
import { JOURNAL, closeJournal } from "./journal.ts";
import { checkRestored } from "./restore-check.ts";
import { moveAside } from "./restore-aside.ts";
import { agentTokenFor } from "./restore-agent-token.ts";
import { requireRestored } from "./restored-database.ts";
import { ballastFile, clearTraces, resetPidFile } from "./restore-traces.ts";
import { peersOutside, requirePeersDown } from "./restore-peers.ts";
import { uninterrupted } from "./restore-uninterrupted.ts";
import type { Authorities } from "../k3s/peers.ts";
import type { Manifest } from "../archive/manifest.ts";
import type { Context } from "./context.ts";
import type { RestorePlan, StepName } from "./journal.ts";

export interface HostInput {
  readonly context: Context;
  readonly plan: RestorePlan;
}

export interface StepInput extends HostInput {
  readonly manifest: Manifest;
  /** PEM of the server CA in the bootstrap data: the restored one must be the same. */
  readonly serverCa: string;
  /** Password of the agents in the bootstrap data; undefined when they use the server's. Secret. */
  readonly agentToken: string | undefined;
  /** Of the archive's cluster: how a server of it is known. */
  readonly authorities: Authorities;
}

export interface Step<Input = StepInput> {
  readonly name: StepName;
  readonly doing: string;
  run(input: Input): Promise<string>;
}

const GUARD: Step<HostInput> = { name: "guard", doing: "holding K3s back", run: guard };
const STOP: Step<HostInput> = { name: "stop", doing: "stopping K3s", run: stop };
const ASIDE: Step<HostInput> = {
  name: "aside",
  doing: "moving today's data aside",
  run: moveAside,
};
const START: Step<HostInput> = { name: "start", doing: "starting K3s", run: start };
const FINISH: Step<HostInput> = { name: "finish", doing: "finishing", run: finish };

export const RESTORE_STEPS: readonly Step[] = [
  GUARD,
  STOP,
  ASIDE,
  { name: "files", doing: "putting files back", run: putFiles },
  { name: "reset", doing: "restoring the database", run: reset },
  { ...START, run: startAlone },
  { name: "check", doing: "checking the restored cluster", run: check },
  FINISH,
];

/** What joining a restored server has in common with a restore (join-steps.ts). */
export const COMMON_STEPS = { GUARD, STOP, ASIDE, START, FINISH } as const;

/** What is left to do once the restored cluster was checked, or kept as it is; needs nothing of the archive. */
export const ACCEPT_STEPS: readonly Step<HostInput>[] = [START, FINISH];

/** The staged plaintext of the archive. */
export function stagedPath(plan: RestorePlan, entry: string): string {
  return `${plan.folder}/archive/${entry}`;
}

async function guard({ context }: HostInput): Promise<string> {
  await putGuard(context.host, JOURNAL);
  return "K3s is held back until the restore has ended";
}

async function stop({ context, plan }: HostInput): Promise<string> {
  if (plan.hadUnit) await stopService(context.host);
  // After a kill during the reset: it is a server too, and this step comes again before the next.
  await endReset(context.host, resetPidFile(plan));
  await requireNoServer(context.host);
  if (!plan.hadUnit) return "K3s was not installed as a service";
  return plan.wasRunning ? "K3s stopped" : "K3s was not running";
}

/** Each file with the copy of what was there; can be cut and run again. */
export async function putFiles({ context, plan }: HostInput): Promise<string> {
  for (const file of plan.files) {
    // After a cut the kept copy is already the old one: never overwrite it with the new.
    if (file.kept !== null && (await linkStatOf(file.kept)) === undefined) {
      await copyDurably(file.target, file.kept);
    }
    if (file.folder !== undefined) await makeFolders(dirname(file.target), file.folder);
    if (file.target.startsWith(`${plan.dataDir}/`)) await makeDataFolder(plan, file.target);
    await placeFile(stagedPath(plan, file.entry), file.target, file);
  }
  await reloadUnits(context.host);
  if (!plan.hadUnit) await enableService(context.host);
  return plan.files.length === 0
    ? "every configuration file was already as in the archive"
    : `${plan.files.length} files put back`;
}

/** For a file in an empty data folder: that one is open to all, what is in it to root alone, as K3s makes them. */
async function makeDataFolder({ dataDir }: RestorePlan, file: string): Promise<void> {
  await makeFolders(dataDir, 0o755);
  await makeFolders(dirname(file), 0o700);
}

async function reset(input: StepInput): Promise<string> {
  const { context, plan, manifest, authorities } = input;
  // Time has passed since the first look, at the question and while K3s stopped.
  await requirePeersDown(context, {
    peers: plan.peers,
    authorities,
    force: plan.forced,
    told: true,
  });
  await requireNoServer(context.host);
  await clearTorso(plan, context.host.now());
  // K3s overwrites the token file when a reset fails, so it is put there at each try (k3s-observed.md 3).
  const token = stagedPath(plan, tokenPath(manifest));
  const place = `${plan.dataDir}/server/token`;
  await makeDataFolder(plan, place);
  await placeFile(token, place, { mode: 0o600, uid: 0, gid: 0 });
  if (manifest.datastore.kind === "sqlite") await placeDatabase(plan, manifest);
  else await resetDatabase(input);
  const { signal } = context.host;
  const seen = await requireRestored(manifest, { dataDir: plan.dataDir, signal });
  return `database restored: ${seen}`;
}

async function resetDatabase({
  context,
  plan,
  manifest,
  agentToken,
}: Pick<StepInput, "context" | "plan" | "manifest" | "agentToken">): Promise<void> {
  const settings = await readSettings({ dataDir: plan.dataDir });
  await runReset(context.host, settings, {
    snapshot: stagedPath(plan, manifest.datastore.entry),
    tokenFile: stagedPath(plan, tokenPath(manifest)),
    pidFile: resetPidFile(plan),
    ...(await agentTokenFor(settings, {
      staged: (entry) => stagedPath(plan, entry),
      serverToken: tokenPath(manifest),
      agentToken,
    })),
  });
  await syncState(plan);
}

/** SQLite needs no reset: K3s starts on the copy, which has no log (k3s.md 3). */
async function placeDatabase(plan: RestorePlan, manifest: Manifest): Promise<void> {
  const folder = `${plan.dataDir}/server/db`;
  await makeFolders(folder, 0o700);
  await placeFile(stagedPath(plan, manifest.datastore.entry), `${folder}/state.db`, {
    mode: 0o600,
    uid: 0,
    gid: 0,
  });
}

/** A reset that was cut leaves parts of a database; they are moved aside, not built upon. */
async function clearTorso(plan: RestorePlan, now: Date): Promise<void> {
  const stamp = now.toISOString().replace(/[-:.]/g, "");
  for (const { from, undone } of plan.moves) {
    if (
      !/\/(etcd|tls|cred|state\.db(-wal|-shm)?)$/.test(from) ||
      (await linkStatOf(from)) === undefined
    )
      continue;
    await moveDurably(from, undone.replace("/undone-", `/unfinished-${stamp}-`));
  }
}

/**
 * K3s does not sync what it writes. After a power cut its files would be there
 * and empty, `db/etcd/name` and keys among them, and it does not start with those.
 */
async function syncState(plan: RestorePlan): Promise<void> {
  await syncTrees(plan.moves.map(({ from }) => from));
}

async function startAlone(input: StepInput): Promise<string> {
  await requireAlone(input);
  return start(input);
}

/** Reset, start and check take seconds to minutes, and two old servers that come up in them are the old cluster again. */
async function requireAlone({ context, plan, authorities }: StepInput): Promise<void> {
  const peers = await peersOutside(plan);
  await requirePeersDown(context, { peers, authorities, force: plan.forced, told: true });
}

async function start({ context }: HostInput): Promise<string> {
  await openGuard(context.host);
  await startService(context.host);
  return "K3s is starting";
}

async function check(input: StepInput): Promise<string> {
  const { plan, manifest } = input;
  const seen = await checkRestored({
    ...input,
    datastore: stagedPath(plan, manifest.datastore.entry),
  });
  await requireAlone(input);
  await syncState(plan);
  return seen;
}

/** The journal goes last, so that a cut leaves a restore that `--resume` knows how to finish; and no signal stops it half-way. */
async function finish({ context, plan }: HostInput): Promise<string> {
  await removeFolder(`${plan.folder}/archive`);
  await removeFile(ballastFile(plan));
  await clearTraces(plan);
  await removeGuard(uninterrupted(context.host));
  await closeJournal(plan);
  return "K3s is free again";
}
