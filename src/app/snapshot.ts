/** A snapshot that is proven before it is used: saved by K3s, walked by us, opened with this server's token. */
import { tokenPassword } from "../datastore/bootstrap.ts";
import { inspectSnapshot } from "../datastore/etcd-snapshot.ts";
import { OperatorError } from "../errors.ts";
import { deleteSnapshot, leftoverSnapshots, saveSnapshot } from "../k3s/snapshot.ts";
import { findTokens } from "../k3s/tokens.ts";
import { openFile } from "../sys/files.ts";
import { sizeText } from "./words.ts";
import type { SnapshotFacts } from "../datastore/etcd-snapshot.ts";
import type { SavedSnapshot } from "../k3s/snapshot.ts";
import type { Settings } from "../k3s/settings.ts";
import type { Context } from "./context.ts";

export interface ProvenSnapshot extends AsyncDisposable {
  readonly saved: SavedSnapshot;
  readonly facts: SnapshotFacts;
  /** The token that was seen to open the bootstrap data. */
  readonly token: string;
}

/**
 * Saves a snapshot and proves it. Disposing removes it through K3s. Throws an
 * OperatorError when K3s did not save, or when what it saved is not whole.
 */
export async function takeSnapshot(context: Context, settings: Settings): Promise<ProvenSnapshot> {
  const { host, talk } = context;
  const tokens = await findTokens(settings);
  for (const name of await leftoverSnapshots(settings)) {
    talk({ type: "note", text: `removing the snapshot ${name}, left by a run that was cut off` });
    await deleteSnapshot(host, settings, name);
  }
  talk({ type: "step", text: "saving a snapshot" });
  const saved = await saveSnapshot(host, settings);
  const remove = async (): Promise<void> => {
    if (await deleteSnapshot(host, settings, saved.name)) return;
    talk({
      type: "warning",
      code: "SNAPSHOT_LEFT",
      message: `the snapshot ${saved.path} could not be removed through k3s`,
      hint: `remove it: k3s etcd-snapshot delete ${saved.name}`,
    });
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

async function inspectWithTokens(
  context: Context,
  path: string,
  tokens: readonly { readonly token: string; readonly source: string }[],
): Promise<{ facts: SnapshotFacts; token: string }> {
  const { talk } = context;
  await using file = await openFile(path);
  let failure: unknown;
  for (const { token, source } of tokens) {
    try {
      const facts = await inspectSnapshot(file, {
        password: tokenPassword(token),
        signal: context.host.signal,
        onProgress: (done) => talk({ type: "progress", done, total: file.size }),
      });
      return { facts, token };
    } catch (error) {
      if (!(error instanceof OperatorError) || !error.code.startsWith("BOOTSTRAP_")) throw error;
      talk({ type: "note", text: `the token in ${source} does not open the snapshot` });
      failure ??= error;
    }
  }
  throw failure;
}
