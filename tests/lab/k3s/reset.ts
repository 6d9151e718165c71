/** `k3s server --cluster-reset`, with K3s's order of steps. */
import { existsSync, writeFileSync } from "node:fs";
import { openBootstrap, reconcile } from "./bootstrap.ts";
import { chooseDatastore } from "./datastore.ts";
import { memberName, restoreSnapshot, startEtcd, untilEtcdAnswers } from "./etcd.ts";
import { dieAtResetStep, heldUp } from "./faults.ts";
import { fatal, FrontError, log, textOf } from "./log.ts";
import { announce, encrypted, makeFolders, prefix, prepare } from "./prepare.ts";
import { child, killAll, stop } from "./processes.ts";
import type { Settings } from "./settings.ts";
import { etcdArguments, openStore } from "./store.ts";
import { startSupervisor } from "./supervisor.ts";
import { writeTokens } from "./users.ts";

/** `--cluster-reset`: restore if asked, force a cluster of one, take keys from the datastore, stop. */
export async function reset(settings: Settings): Promise<void> {
  const { paths } = settings;
  chooseDatastore(settings);
  makeFolders(settings);
  const supervisor = startSupervisor(settings);
  const passwords = await prepare(settings);
  writeTokens(paths, passwords);
  announce(settings, passwords);
  supervisor.open(passwords);
  await prefix("starting kubernetes: failed to start cluster: start managed database", () =>
    resetDatabase(settings),
  );
  log.info("Starting etcd for new cluster, cluster-reset=true");
  const etcd = child(startEtcd(settings, { reset: true }), "SIGTERM", "etcd");
  if (!(await untilEtcdAnswers(settings, etcd)))
    throw new FrontError("starting kubernetes: etcd exited");
  dieAtResetStep(4);
  await heldUp("reset-slow");
  const pairs = await openStore(etcdArguments(paths)).list();
  try {
    const json = openBootstrap(pairs, passwords.server);
    dieAtResetStep(5);
    if (json !== undefined)
      reconcile(paths, json, { encryption: encrypted(settings), reset: true });
  } catch (error) {
    killAll();
    fatal(textOf(error));
  }
  dieAtResetStep(6);
  // Users and leaf certificates are made again: without its flag an agent token is lost here (15).
  await prepare(settings);
  log.error(
    'Shutdown request received: "Managed etcd cluster membership has been reset, restart without --cluster-reset flag now. Backup and delete ${datadir}/server/db on each peer etcd server and rejoin the nodes"',
  );
  log.info("Stopping etcd server...");
  await stop(0);
}

async function resetDatabase(settings: Settings): Promise<void> {
  const { paths, restorePath } = settings;
  if (restorePath !== "") await restoreSnapshot(settings);
  else if (existsSync(paths.resetFlag)) {
    throw new FrontError(
      `Managed etcd cluster membership was previously reset, please remove the cluster-reset flag and start k3s normally. If you need to perform another cluster reset, you must first manually delete the file at ${paths.resetFlag}`,
    );
  }
  memberName(settings, true);
  writeFileSync(paths.resetFlag, "", { mode: 0o600 });
  dieAtResetStep(3);
}
