/** `k3s server`: the order of a start and of a reset, as K3s has it. */
import type { ChildProcess } from "node:child_process";
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { STARTING } from "./about.ts";
import { openApi } from "./api.ts";
import type { ApiClient } from "./api.ts";
import { openBootstrap, readFromDisk, reconcile, saveBootstrap } from "./bootstrap.ts";
import { ensureCertificates } from "./certificates.ts";
import { startApiServer, startControllers, startKine } from "./components.ts";
import { configurationArguments } from "./config.ts";
import { installKinds, startDeploying, writeBundledManifests } from "./deploy.ts";
import { isInitialized, memberName, restoreSnapshot, startEtcd, untilEtcdAnswers } from "./etcd.ts";
import { dieAtResetStep, fault } from "./faults.ts";
import { parseFlags, UsageError, usageText } from "./flags.ts";
import { fetchBootstrap, joinEtcd, criticalSettings } from "./join.ts";
import { writeAdminConfig, writeComponentConfigs } from "./kubeconfig.ts";
import { fatal, FrontError, log, textOf } from "./log.ts";
import { startNode } from "./node.ts";
import { ended } from "./parts.ts";
import { SERVER_FLAGS, settingsOf, warnAboutAgent } from "./settings.ts";
import type { Settings } from "./settings.ts";
import { serveSnapshots } from "./snapshot-service.ts";
import { etcdArguments, kineArguments, listFile, openStore } from "./store.ts";
import { bootstrapHandler, startSupervisor } from "./supervisor.ts";
import type { Supervisor } from "./supervisor.ts";
import { serveTokens } from "./token-service.ts";
import { tokenFrom } from "./client.ts";
import { ensureEncryption, ensureSecrets, ensureUsers, writeTokens } from "./users.ts";
import type { Passwords } from "./users.ts";

type Datastore = "etcd" | "join" | "sqlite";

const children: { readonly process: ChildProcess; readonly signal: "SIGTERM" | "SIGKILL" }[] = [];
let stopping = false;

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
    if (error instanceof UsageError) process.stdout.write(usageText("server", SERVER_FLAGS));
    killAll();
    if (textOf(error).startsWith("yaml: ")) fatal(textOf(error));
    if (error instanceof FrontError) fatal(`Error: ${textOf(error)}`);
    throw error;
  }
}

/** etcd when its log folder is there, when told to, or when joining; anything else is SQLite (8). */
function chooseDatastore(settings: Settings): Datastore {
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
  offer(settings, supervisor, passwords);
  const kind = datastore === "sqlite" ? "sqlite" : "etcd";
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

/** Brings keys and certificates on disk in line with the datastore before anything is made anew. */
async function loadBootstrap(settings: Settings, datastore: Datastore): Promise<void> {
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
    if (token === "" && pairs.length > 0) throw new FrontError(differentToken);
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

const differentToken = "bootstrap data already found and encrypted with different token";

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

async function prepare(settings: Settings): Promise<Passwords> {
  const passwords = ensureUsers(settings);
  ensureSecrets(settings);
  if (encrypted(settings))
    ensureEncryption(settings.paths, settings.flags.text("secrets-encryption-provider"));
  await ensureCertificates(settings);
  writeComponentConfigs(settings);
  return passwords;
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

function offer(settings: Settings, supervisor: Supervisor, passwords: Passwords): void {
  supervisor.handle("/v1-k3s/config", () =>
    Promise.resolve({ status: 200, body: criticalSettings(settings) }),
  );
  supervisor.handle("/v1-k3s/server-bootstrap", bootstrapHandler(settings));
  serveTokens(settings, supervisor, passwords);
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
  if (settings.withAgent)
    await startNode(settings, api, { etcd: options.etcd, afterReset: options.hadFlag });
  log.info("k3s is up and running");
  if (process.env["NOTIFY_SOCKET"] !== undefined) spawnSync("systemd-notify", ["--ready"]);
  if (options.hadFlag) setTimeout(() => rmSync(settings.paths.resetFlag, { force: true }), 5000);
  await startDeploying(settings, api);
}

/** `--cluster-reset`: restore if asked, force a cluster of one, take keys from the datastore, stop. */
async function reset(settings: Settings): Promise<void> {
  const { paths } = settings;
  chooseDatastore(settings);
  makeFolders(settings);
  const supervisor = startSupervisor(settings);
  let passwords = await prepare(settings);
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
  await Bun.sleep(Number(fault("reset-slow") ?? 0) * 1000);
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
  passwords = await prepare(settings);
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

function announce(settings: Settings, passwords: Passwords): void {
  const { paths, nodeIp } = settings;
  log.info(`Server node token is available at ${paths.token}`);
  log.info(
    `To join server node to cluster: k3s server -s https://${nodeIp}:6443 -t \${SERVER_NODE_TOKEN}`,
  );
  log.info(`Agent node token is available at ${paths.agentToken}`);
  if (passwords.node !== "") {
    log.info(
      `To join agent node to cluster: k3s agent -s https://${nodeIp}:6443 -t \${AGENT_NODE_TOKEN}`,
    );
  }
  writeAdminConfig(settings);
}

function makeFolders(settings: Settings): void {
  const { paths } = settings;
  mkdirSync(paths.dataDir, { recursive: true });
  for (const folder of [paths.server, paths.db, paths.cred, paths.tls, paths.etc, paths.agent]) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }
}

function encrypted(settings: Settings): boolean {
  return settings.flags.on("secrets-encryption");
}

async function prefix(text: string, action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (error instanceof FrontError) throw new FrontError(`${text}: ${error.message}`);
    throw error;
  }
}

function child(started: ChildProcess, signal: "SIGTERM" | "SIGKILL", name: string): ChildProcess {
  children.push({ process: started, signal });
  started.on("exit", (code) => {
    if (stopping) return;
    killAll();
    fatal(`${name} exited: exit status ${code ?? "unknown"}`);
  });
  return started;
}

function killAll(): void {
  stopping = true;
  for (const { process: one } of children) one.kill("SIGKILL");
}

/** Stops everything: the API server at once, etcd and kine so that they close their files. */
async function stop(exitCode: number): Promise<void> {
  if (stopping) return;
  stopping = true;
  for (const { process: one, signal } of children) if (signal === "SIGKILL") one.kill(signal);
  for (const { process: one, signal } of children) if (signal === "SIGTERM") one.kill(signal);
  const slow = setTimeout(() => {
    for (const { process: one } of children) one.kill("SIGKILL");
  }, 8000);
  await Promise.all(children.map(({ process: one }) => ended(one)));
  clearTimeout(slow);
  log.info("etcd server stopped");
  process.exit(exitCode);
}
