/** A copy of K3s's SQLite database that is proven before it is used: taken in one instant, checked, opened with this server's token. */
import { inspectSqlite } from "../datastore/sqlite-inspect.ts";
import { copySqlite, sqliteSize } from "../k3s/sqlite-copy.ts";
import { findTokens } from "../k3s/tokens.ts";
import { openFile } from "../sys/files.ts";
import { openSqlite } from "../sys/sqlite.ts";
import { createStage } from "../sys/stage.ts";
import { chooseStageParent } from "../sys/stage-file.ts";
import { sizeText } from "../words.ts";
import { STATE_FOLDER } from "./places.ts";
import { requireRoom } from "./room.ts";
import { openWithTokens } from "./token-tries.ts";
import type { SqliteFacts } from "../datastore/sqlite-inspect.ts";
import type { Settings } from "../k3s/settings.ts";
import type { TokenCandidate } from "../k3s/tokens.ts";
import type { Context } from "./context.ts";

export interface ProvenDatabase extends AsyncDisposable {
  readonly kind: "sqlite";
  readonly saved: { readonly path: string; readonly size: number };
  readonly facts: SqliteFacts;
  /** The token that was seen to open the bootstrap data. */
  readonly token: string;
}

/**
 * Copies the database at `path` into a stage of its own and proves the copy;
 * K3s may run meanwhile, and notices nothing. Disposing wipes the copy. Call while
 * holding the lock, after stale stages were wiped. Throws an OperatorError.
 */
export async function copyDatabase(
  context: Context,
  settings: Settings,
  path: string,
): Promise<ProvenDatabase> {
  const { host, talk } = context;
  const tokens = await findTokens(settings);
  await using cleanup = new AsyncDisposableStack();
  talk({ type: "step", text: "copying the database" });
  const size = await sqliteSize(host, path);
  const parent = await chooseStageParent(size, STATE_FOLDER);
  if (parent === STATE_FOLDER) await requireRoom(parent, size, "a copy of the database");
  const stage = cleanup.use(await createStage(parent));
  const copy = `${stage.path}/state.db`;
  await copySqlite(host, { from: path, to: copy });
  talk({ type: "step", text: "checking the copy" });
  const { facts, token } = await inspectWithTokens(context, copy, tokens);
  talk({
    type: "done",
    text: `database ${sizeText(facts.size)}, revision ${facts.revision}, ${facts.keys} keys, integrity ok, opens with this server's token`,
  });
  const held = cleanup.move();
  return {
    kind: "sqlite",
    saved: { path: copy, size: facts.size },
    facts,
    token,
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

async function inspectWithTokens(
  context: Context,
  path: string,
  tokens: readonly TokenCandidate[],
): Promise<{ readonly facts: SqliteFacts; readonly token: string }> {
  const { host, talk } = context;
  await using file = await openFile(path);
  using database = openSqlite(path);
  return await openWithTokens(context, tokens, (password) =>
    inspectSqlite(
      { file, database },
      {
        password,
        signal: host.signal,
        onProgress: (done, total) => talk({ type: "progress", done, total }),
      },
    ),
  );
}
