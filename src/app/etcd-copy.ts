/** A copy of etcd's database file while K3s stands still, made into a snapshot: so that the worst day too knows what it had. */
import { createHash } from "node:crypto";
import { openBolt } from "../datastore/bolt.ts";
import { OperatorError } from "../errors.ts";
import { findTokens } from "../k3s/tokens.ts";
import { openFile } from "../sys/files.ts";
import { shareLock } from "../sys/lock.ts";
import { pause } from "../sys/pause.ts";
import { createStage } from "../sys/stage.ts";
import { chooseStageParent, writeStream } from "../sys/stage-file.ts";
import { sizeText } from "../words.ts";
import { STATE_FOLDER } from "./places.ts";
import { requireRoom } from "./room.ts";
import { inspectWithTokens } from "./snapshot.ts";
import type { Settings } from "../k3s/settings.ts";
import type { Stage } from "../sys/stage.ts";
import type { Host } from "../sys/host.ts";
import type { Context } from "./context.ts";
import type { ProvenSnapshot } from "./snapshot.ts";

const PIECE = 256 * 1024;
/** A K3s that is started again and again has the file open for some seconds each time. */
const TRIES = 40;
const BETWEEN_TRIES = 250;

/**
 * Copies `member/snap/db` into a stage of its own, appends its SHA-256 as etcd does
 * to a snapshot (k3s.md 2.4), and proves the copy as one. What etcd had only in its
 * log is not in it: at most the last 100 ms before it was killed (etcd's
 * backend-batch-interval). Disposing wipes the copy. Call while holding the lock.
 * Throws an OperatorError: `DATABASE_BUSY` while an etcd has the file open,
 * `DATABASE_MISSING`, `NO_ROOM`, and what `inspectSnapshot` throws.
 */
export async function copyEtcd(context: Context, settings: Settings): Promise<ProvenSnapshot> {
  const { host, talk } = context;
  const path = `${settings.dataDir}/server/db/etcd/member/snap/db`;
  const tokens = await findTokens(settings);
  talk({ type: "step", text: "copying etcd's database" });
  await using cleanup = new AsyncDisposableStack();
  const copy = await copyLocked(host, path, (stage) => cleanup.use(stage));
  talk({ type: "step", text: "checking the copy" });
  const { facts, token } = await inspectWithTokens(context, copy, tokens);
  talk({
    type: "done",
    text: `K3s is down: its database file ${sizeText(facts.size)} read instead, revision ${facts.revision}, ${facts.keys} keys, opens with this server's token`,
  });
  const held = cleanup.move();
  return {
    saved: { name: "", path: copy, size: facts.size },
    facts,
    token,
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

/** Bolt's own lock keeps an etcd that is started meanwhile waiting until the copy is made. */
async function copyLocked(host: Host, path: string, own: (stage: Stage) => void): Promise<string> {
  await using _lock = await lockedBy(host, path);
  await using file = await openFile(path);
  const { meta } = await openBolt(file);
  const size = meta.pages * meta.pageSize; // bolt grows its file ahead of what it uses
  const parent = await chooseStageParent(size, STATE_FOLDER);
  if (parent === STATE_FOLDER) await requireRoom(parent, size, "a copy of the database");
  const stage = await createStage(parent);
  own(stage);
  const copy = `${stage.path}/etcd-snapshot.db`;
  await writeStream(copy, withTrailer(file, { size, signal: host.signal }));
  return copy;
}

async function lockedBy(host: Host, path: string): Promise<AsyncDisposable> {
  for (let attempt = 1; ; attempt += 1) {
    const lock = await shareLock(path);
    if (lock === "missing") {
      throw new OperatorError(
        "precondition",
        "DATABASE_MISSING",
        `etcd's database ${path} is gone`,
        { hint: "see what became of it: railiance-cluster doctor" },
      );
    }
    if (lock !== undefined) return lock;
    if (attempt === TRIES) break;
    await pause(BETWEEN_TRIES, host.signal);
  }
  throw new OperatorError(
    "precondition",
    "DATABASE_BUSY",
    `K3s gives no snapshot, and ${path} is in use`,
    {
      hint: "look at: systemctl status k3s; when it is stopped (systemctl stop k3s) its files can be read",
    },
  );
}

async function* withTrailer(
  file: { read(offset: number, length: number): Promise<Uint8Array> },
  { size, signal }: { readonly size: number; readonly signal: AbortSignal },
): AsyncGenerator<Uint8Array> {
  const hash = createHash("sha256");
  for (let offset = 0; offset < size; offset += PIECE) {
    signal.throwIfAborted();
    const piece = await file.read(offset, Math.min(PIECE, size - offset));
    hash.update(piece);
    yield piece;
  }
  yield new Uint8Array(hash.digest());
}
