/** A snapshot that is proven before it is used: saved by K3s, walked by us, opened with this server's token. */
import { inspectSnapshot } from "../datastore/etcd-snapshot.ts";
import { OperatorError, messageOf } from "../errors.ts";
import { deleteSnapshot, saveSnapshot } from "../k3s/snapshot.ts";
import { leftoverSnapshots, removeTornSnapshots } from "../k3s/snapshot-leftovers.ts";
import { findTokens } from "../k3s/tokens.ts";
import { openFile, statOf } from "../sys/files.ts";
import { sizeText } from "../words.ts";
import { openWithTokens } from "./token-tries.ts";
import type { SnapshotFacts } from "../datastore/etcd-snapshot.ts";
import type { SavedSnapshot } from "../k3s/snapshot.ts";
import type { Settings } from "../k3s/settings.ts";
import type { TokenCandidate } from "../k3s/tokens.ts";
import type { Stage } from "../sys/stage.ts";
import type { Context } from "./context.ts";

export interface ProvenSnapshot extends AsyncDisposable {
  readonly saved: SavedSnapshot;
  readonly facts: SnapshotFacts;
  /** The token that was seen to open the bootstrap data. */
  readonly token: string;
}

/**
 * Saves a snapshot and proves it. Disposing removes it through K3s. Call while
 * holding the lock. Throws an OperatorError when K3s did not save, or when what
 * it saved is not whole.
 */
export async function takeSnapshot(
  context: Context,
  settings: Settings,
  stage: Stage,
): Promise<ProvenSnapshot> {
  const { talk } = context;
  const tokens = await findTokens(settings);
  talk({ type: "step", text: "saving a snapshot" });
  const { saved, login } = await saveWith(context, settings, { tokens, stage });
  const remove = async (): Promise<void> => {
    await removeOurs(context, login, saved.name);
  };
  try {
    talk({ type: "step", text: "checking the snapshot" });
    const { facts, token } = await inspectWithTokens(context, saved.path, tokens);
    talk({
      type: "done",
      text: `snapshot ${sizeText(saved.size)}, revision ${facts.revision}, ${facts.keys} keys, trailer ok, opens with this server's token`,
    });
    return { saved, facts, token, [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

interface Login {
  readonly saved: SavedSnapshot;
  /** Settings whose data dir holds the token that K3s accepted. */
  readonly login: Settings;
}

/**
 * K3s's client reads `server/token`. When that was lost or replaced by another
 * cluster's, the password in `cred/passwd` may still be right: it is then handed
 * over in a data dir of its own, since a token never goes into an argument.
 */
async function saveWith(
  context: Context,
  settings: Settings,
  from: { readonly tokens: readonly TokenCandidate[]; readonly stage: Stage },
): Promise<Login> {
  const { talk } = context;
  let refusal: OperatorError | undefined;
  for (const [index, candidate] of [undefined, ...from.tokens].entries()) {
    const login =
      candidate === undefined
        ? settings
        : await loginWith(candidate.token, { settings, stage: from.stage, index });
    try {
      const saved = await saveAsked(context, login);
      if (candidate !== undefined && refusal !== undefined) {
        talk({
          type: "warning",
          code: "TOKEN_FILE_WRONG",
          message: `${refusal.message}; the one in ${candidate.source} is right and was used`,
          hint: "when this backup is done: systemctl restart k3s, which writes server/token again",
        });
      }
      return { saved, login };
    } catch (error) {
      if (!(error instanceof OperatorError) || !isAboutToken(error)) throw error;
      refusal ??= error;
    }
  }
  throw refusal ?? new TypeError("no token was tried");
}

function isAboutToken({ code }: OperatorError): boolean {
  return code === "TOKEN_REFUSED" || code === "TOKEN_FILE_MISSING";
}

async function loginWith(
  token: string,
  options: { readonly settings: Settings; readonly stage: Stage; readonly index: number },
): Promise<Settings> {
  const { settings, stage, index } = options;
  const folder = `login-${index}`;
  await stage.write(`${folder}/server/token`, `${token}\n`);
  // K3s's wrapper unpacks itself below the data dir, unless it finds that done.
  await stage.link(`${folder}/data`, `${settings.dataDir}/data`);
  return { ...settings, dataDir: `${stage.path}/${folder}` };
}

/** Clears away what killed runs left, then saves; says why it takes its time when it is asked to stop. */
async function saveAsked(context: Context, login: Settings): Promise<SavedSnapshot> {
  const { host, talk } = context;
  const leftovers = await leftoverSnapshots(host, login);
  for (const name of leftovers) {
    talk({ type: "note", text: `removing the snapshot ${name}, left by a run that was cut off` });
    await deleteSnapshot(host, login, name);
  }
  const explain = (): void =>
    talk({ type: "note", text: "stopping: waiting for k3s to end its snapshot, to remove it" });
  host.signal.addEventListener("abort", explain, { once: true });
  try {
    return await saveSnapshot(host, login, { onLate: await lateTalk(context, login) });
  } finally {
    host.signal.removeEventListener("abort", explain);
  }
}

/** Says once that it takes long, then how far it is: a snapshot is about as large as the database. */
async function lateTalk(
  { talk }: Context,
  { dataDir }: Settings,
): Promise<(bytes: number) => void> {
  const database = await statOf(`${dataDir}/server/db/etcd/member/snap/db`);
  let said = false;
  return (bytes) => {
    if (!said) {
      talk({
        type: "note",
        text: "k3s's own client gave up waiting; the server goes on with the snapshot, and so does this backup",
      });
    }
    said = true;
    if (database !== undefined) talk({ type: "progress", done: bytes, total: database.size });
  };
}

/** Removes our snapshot, and one that K3s finished only now for a run that was killed. */
async function removeOurs(context: Context, login: Settings, saved: string): Promise<void> {
  try {
    await removeTornSnapshots(context.host, login);
  } catch (error) {
    context.talk({
      type: "warning",
      code: "SNAPSHOT_LEFT",
      message: `an unfinished snapshot of an earlier run in ${login.snapshotDir} could not be removed: ${messageOf(error)}`,
      hint: "the next backup tries it too",
    });
  }
  for (const name of new Set([saved, ...(await leftoverSnapshots(context.host, login))])) {
    if (await deleteSnapshot(context.host, login, name)) continue;
    context.talk({
      type: "warning",
      code: "SNAPSHOT_LEFT",
      message: `the snapshot ${login.snapshotDir}/${name} could not be removed through k3s`,
      hint: `remove it: k3s etcd-snapshot delete ${name}; the next backup tries it too`,
    });
  }
}

/** Proves the snapshot at `path` with the token that opens it. Throws what `inspectSnapshot` throws. */
export async function inspectWithTokens(
  context: Context,
  path: string,
  tokens: readonly TokenCandidate[],
): Promise<{ facts: SnapshotFacts; token: string }> {
  const { talk } = context;
  await using file = await openFile(path);
  return await openWithTokens(context, tokens, (password) =>
    inspectSnapshot(file, {
      password,
      signal: context.host.signal,
      onProgress: (done) => talk({ type: "progress", done, total: file.size }),
    }),
  );
}
