/** Which datastore a server takes, and its bootstrap data before anything is made anew. */
import { cpSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { openBootstrap, reconcile } from "./bootstrap.ts";
import { tokenFrom } from "./client.ts";
import { startKine } from "./components.ts";
import { isInitialized } from "./etcd.ts";
import { fetchBootstrap } from "./join.ts";
import { FrontError, log } from "./log.ts";
import { encrypted, prefix } from "./prepare.ts";
import { child } from "./processes.ts";
import type { Settings } from "./settings.ts";
import { kineArguments, listFile, openStore } from "./store.ts";

export type Datastore = "etcd" | "join" | "sqlite";

const DIFFERENT_TOKEN = "bootstrap data already found and encrypted with different token";

/** etcd when its log folder is there, when told to, or when joining; anything else is SQLite (8). */
export function chooseDatastore(settings: Settings): Datastore {
  if (isInitialized(settings)) {
    log.info("Managed etcd cluster bootstrap already complete and initialized");
    return "etcd";
  }
  if (settings.join !== "" && settings.token !== "") {
    log.info("Managed etcd cluster not yet initialized");
    return "join";
  }
  if (!settings.flags.on("cluster-init") && !settings.reset) return "sqlite";
  log.info("Managed etcd cluster initializing");
  return "etcd";
}

/** Brings keys and certificates on disk in line with the datastore before anything is made anew. */
export async function loadBootstrap(settings: Settings, datastore: Datastore): Promise<void> {
  const { paths } = settings;
  const options = { encryption: encrypted(settings), reset: false };
  if (datastore === "join") {
    reconcile(paths, await fetchBootstrap(settings), options);
    return;
  }
  const token = settings.token || (existsSync(paths.token) ? tokenFrom(paths.token) : "");
  if (datastore === "sqlite") {
    // Not asked to close its file: in K3s it ends with the process, and the log file stays (1).
    child(await startKine(settings), "SIGKILL", "kine");
    const pairs = await openStore(kineArguments(paths)).list();
    if (token === "" && pairs.length > 0) throw new FrontError(DIFFERENT_TOKEN);
    const json = openBootstrap(pairs, token);
    if (json !== undefined) reconcile(paths, json, options);
    return;
  }
  if (token === "" || !isInitialized(settings)) return;
  await prefix("failed to reconcile with local datastore", async () => {
    const json = openBootstrap(await listCopy(settings), token);
    if (json !== undefined) reconcile(paths, json, options);
  });
}

/** As K3s does: from a copy in `db/etcd-tmp`, before etcd runs. */
async function listCopy(settings: Settings) {
  const { etcd, etcdCopy } = settings.paths;
  rmSync(etcdCopy, { recursive: true, force: true });
  if (!existsSync(`${etcd}/member/snap/db`)) return [];
  const copy = `${etcdCopy}/member/snap/db`;
  log.info(`Opening etcd MVCC KV backend database at ${copy}`);
  mkdirSync(`${etcdCopy}/member/snap`, { recursive: true, mode: 0o700 });
  cpSync(`${etcd}/member/snap/db`, copy);
  try {
    return await listFile(copy);
  } finally {
    rmSync(etcdCopy, { recursive: true, force: true });
  }
}
