/** `k3s server`: the order of a start, as K3s has it. */
import { spawnSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { STARTING } from "./about.ts";
import { openApi } from "./api.ts";
import type { ApiClient } from "./api.ts";
import { readFromDisk, saveBootstrap } from "./bootstrap.ts";
import { startApiServer, startControllers } from "./components.ts";
import { configurationArguments } from "./config.ts";
import { chooseDatastore, loadBootstrap } from "./datastore.ts";
import type { Datastore } from "./datastore.ts";
import { installKinds, startDeploying, writeBundledManifests } from "./deploy.ts";
import { startEtcd, untilEtcdAnswers } from "./etcd.ts";
import { fault } from "./faults.ts";
import { parseFlags, UsageError, usageText } from "./flags.ts";
import { openGate } from "./gate.ts";
import { joinEtcd, criticalSettings } from "./join.ts";
import { memberInfo, startManagingLearners } from "./learners.ts";
import { fatal, FrontError, log, textOf } from "./log.ts";
import { startNode } from "./node.ts";
import { startPods } from "./pods.ts";
import { announce, encrypted, makeFolders, prefix, prepare } from "./prepare.ts";
import { child, isStopping, killAll, stop } from "./processes.ts";
import { reset } from "./reset.ts";
import { SERVER_FLAGS, settingsOf, warnAboutAgent } from "./settings.ts";
import type { Settings } from "./settings.ts";
import { serveSnapshots } from "./snapshot-service.ts";
import { etcdArguments, kineArguments, openStore } from "./store.ts";
import { bootstrapHandler, startSupervisor } from "./supervisor.ts";
import type { Supervisor } from "./supervisor.ts";
import { serveTokens } from "./token-service.ts";
import { writeTokens } from "./users.ts";
import type { Passwords } from "./users.ts";

/** Runs a server until SIGTERM; a reset until it is done. Ends the process itself. */
export async function serverCommand(args: readonly string[]): Promise<void> {
  if (args.includes("--help") || args.includes("-h")) {
    process.stdout.write(usageText("server", SERVER_FLAGS));
    return;
  }
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => void stop(0));
  try {
    const flags = parseFlags(SERVER_FLAGS, [
      ...configurationArguments(SERVER_FLAGS, args),
      ...args,
    ]);
    if (process.getuid?.() !== 0)
      throw new FrontError("must run as root unless --rootless is specified");
    const settings = await settingsOf(flags);
    warnAboutAgent(flags);
    log.info(STARTING);
    await (settings.reset ? reset(settings) : serve(settings));
  } catch (error) {
    // Stopped while it still starts: `stop` ends the process, once etcd has closed its files.
    if (isStopping()) return;
    if (error instanceof UsageError) process.stdout.write(usageText("server", SERVER_FLAGS));
    killAll();
    if (textOf(error).startsWith("yaml: ")) fatal(textOf(error));
    if (error instanceof FrontError) fatal(`Error: ${textOf(error)}`);
    throw error;
  }
}

async function serve(settings: Settings): Promise<void> {
  if (fault("start-fails") !== undefined) throw new FrontError("ordered by the lab");
  const datastore = chooseDatastore(settings);
  makeFolders(settings);
  const supervisor = startSupervisor(settings);
  const hadFlag = existsSync(settings.paths.resetFlag);
  await prefix("preparing server: failed to bootstrap cluster data", () =>
    loadBootstrap(settings, datastore),
  );
  const passwords = await prepare(settings);
  writeTokens(settings.paths, passwords);
  announce(settings, passwords);
  const connection = await startDatastore(settings, datastore);
  // From here on the token file agrees with `passwords`, as in K3s, which reads it back.
  await saveBootstrap(
    openStore(connection),
    passwords.server,
    readFromDisk(settings.paths, encrypted(settings)),
  );
  supervisor.open(passwords);
  const kind = datastore === "sqlite" ? "sqlite" : "etcd";
  offer(settings, supervisor, { passwords, kind });
  if (kind === "etcd") startManagingLearners(settings);
  if (!settings.flags.on("disable-apiserver")) {
    child(startApiServer(settings, kind), "SIGKILL", "apiserver");
    const api = openApi(settings);
    const snapshots =
      kind === "etcd"
        ? serveSnapshots(settings, supervisor, { api, passwords })
        : refuseSnapshots(supervisor);
    await untilReady(api);
    for (const one of startControllers(settings, datastore === "join")) {
      child(one, "SIGKILL", "controllers");
    }
    await afterReady(settings, api, { etcd: kind === "etcd", hadFlag });
    await snapshots?.reconcile();
    snapshots?.startSchedule();
  }
}

async function startDatastore(settings: Settings, datastore: Datastore): Promise<string[]> {
  if (datastore === "sqlite") return kineArguments(settings.paths);
  const etcd = datastore === "join" ? await joinEtcd(settings) : startEtcd(settings);
  child(etcd, "SIGTERM", "etcd");
  if (!(await untilEtcdAnswers(settings, etcd)))
    throw new FrontError("starting kubernetes: etcd exited");
  log.info("Connection to etcd is ready");
  return etcdArguments(settings.paths);
}

function offer(
  settings: Settings,
  supervisor: Supervisor,
  options: { readonly passwords: Passwords; readonly kind: "etcd" | "sqlite" },
): void {
  supervisor.handle("/v1-k3s/config", () =>
    Promise.resolve({ status: 200, body: criticalSettings(settings) }),
  );
  supervisor.handle("/v1-k3s/server-bootstrap", bootstrapHandler(settings));
  if (options.kind === "etcd") supervisor.handle("/db/info", () => memberInfo(settings));
  serveTokens(settings, supervisor, options.passwords);
  openGate(settings, supervisor);
}

function refuseSnapshots(supervisor: Supervisor): undefined {
  supervisor.handle("/db/snapshot", () =>
    Promise.resolve({ status: 400, body: "etcd datastore disabled" }),
  );
}

async function untilReady(api: ApiClient): Promise<void> {
  await Bun.sleep(Number(fault("slow-start") ?? 0) * 1000);
  for (let attempt = 0; ; attempt += 1) {
    try {
      const { status } = await api.request("GET", "/readyz");
      if (status === 200) break;
    } catch {
      // Not listening yet.
    }
    if (attempt % 100 === 0) log.info("Polling for API server readiness: GET /readyz failed");
    await Bun.sleep(100);
  }
  log.info("Kube API server is now running");
}

async function afterReady(
  settings: Settings,
  api: ApiClient,
  options: { readonly etcd: boolean; readonly hadFlag: boolean },
): Promise<void> {
  writeBundledManifests(settings);
  await installKinds(api, options.etcd);
  if (settings.withAgent) {
    await startNode(settings, api, { etcd: options.etcd, afterReset: options.hadFlag });
    startPods(settings);
  }
  log.info("k3s is up and running");
  if (process.env["NOTIFY_SOCKET"] !== undefined) spawnSync("systemd-notify", ["--ready"]);
  if (options.hadFlag) setTimeout(() => rmSync(settings.paths.resetFlag, { force: true }), 5000);
  await startDeploying(settings, api);
}
