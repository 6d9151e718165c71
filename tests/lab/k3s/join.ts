/** Joining a running cluster as a further etcd member (k3s-observed.md 7 and 14). */
import type { ChildProcess } from "node:child_process";
import { mkdirSync } from "node:fs";
import { field } from "./api.ts";
import { connect } from "./client.ts";
import { etcdctl, memberName, peerUrl, startEtcd } from "./etcd.ts";
import { FrontError, log, textOf } from "./log.ts";
import type { Settings } from "./settings.ts";

/** Settings that must be the same on every server. */
const CRITICAL = [
  "cluster-cidr",
  "service-cidr",
  "cluster-dns",
  "cluster-domain",
  "flannel-backend",
  "egress-selector-mode",
  "secrets-encryption",
  "disable-cloud-controller",
  "disable-kube-proxy",
  "disable-network-policy",
  "disable-helm-controller",
];

export function criticalSettings(settings: Settings): Record<string, string> {
  const { flags } = settings;
  const values = CRITICAL.map((name) => [name, flags.text(name)] as const);
  return { ...Object.fromEntries(values), disable: [...flags.list("disable")].sort().join(",") };
}

/** The bootstrap JSON of the cluster to join. Throws FrontError: wrong token, unreachable, settings that differ. */
export async function fetchBootstrap(settings: Settings): Promise<string> {
  // The variable is for tests that need not wait as long as an operator.
  const deadline = Date.now() + 1000 * Number(process.env["K3S_LAB_JOIN_TIMEOUT"] ?? 25);
  for (;;) {
    try {
      const server = await connect(settings.join, {
        token: settings.token,
        timeout: 10_000,
        quiet: true,
      });
      refuseDifferences(settings, await server.get("/v1-k3s/config"));
      const bootstrap = await server.get("/v1-k3s/server-bootstrap");
      if (typeof bootstrap !== "string") throw new FrontError("no bootstrap data");
      return bootstrap;
    } catch (error) {
      const text = textOf(error);
      if (!/failed to get CA certs|starting|EOF$|deadline exceeded/.test(text)) throw error;
      if (Date.now() > deadline) {
        throw new FrontError(
          `Get "${settings.join}/v1-k3s/server-bootstrap": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`,
        );
      }
      await Bun.sleep(1000);
    }
  }
}

function refuseDifferences(settings: Settings, theirs: unknown): void {
  const different = Object.entries(criticalSettings(settings)).filter(
    ([name, value]) => field(theirs, name) !== value,
  );
  if (different.length === 0) return;
  for (const [name] of different) log.warning(`critical configuration mismatched: ${name}`);
  throw new FrontError(
    "failed to validate server configuration: critical configuration value mismatch between servers",
  );
}

/** Adds this server as a learner, starts etcd and has it promoted. Throws FrontError. */
export async function joinEtcd(settings: Settings): Promise<ChildProcess> {
  const remote = `https://${new URL(settings.join).hostname}:2379`;
  mkdirSync(settings.paths.etcd, { recursive: true, mode: 0o700 });
  const name = memberName(settings, false);
  for (const member of await membersOf(settings, remote)) {
    if (member.peer !== peerUrl(settings)) continue;
    log.info(`Removing member ${member.name} with this server's address from etcd cluster`);
    await etcdctl(settings, ["member", "remove", member.id], remote);
  }
  const others = await membersOf(settings, remote);
  const list = others.map((member) => `${member.name}=${member.peer}`).join(",");
  log.info(`Adding member ${name}=${peerUrl(settings)} to etcd cluster [${list}]`);
  const id = await addLearner(settings, { remote, name });
  const etcd = startEtcd(settings, {
    cluster: `${list},${name}=${peerUrl(settings)}`,
    state: "existing",
  });
  for (;;) {
    if (etcd.exitCode !== null) throw new FrontError("etcd exited while joining");
    const { exitCode, stderr } = await etcdctl(settings, ["member", "promote", id], remote);
    // "… which is in sync with leader" is another refusal: not yet.
    const already = /can only promote a learner member"?\s*$/m.test(stderr);
    if (exitCode === 0 || already) return etcd;
    await Bun.sleep(500);
  }
}

async function addLearner(
  settings: Settings,
  options: { readonly remote: string; readonly name: string },
): Promise<string> {
  for (let attempt = 0; ; attempt += 1) {
    const { exitCode, stdout, stderr } = await etcdctl(
      settings,
      ["member", "add", options.name, `--peer-urls=${peerUrl(settings)}`, "--learner"],
      options.remote,
    );
    const [, id] = /^Member\s+([0-9a-f]+) added/m.exec(stdout) ?? [];
    if (exitCode === 0 && id !== undefined) return id;
    if (attempt > 60) throw new FrontError(`etcd cluster join failed: ${stderr.trim()}`);
    await Bun.sleep(1000);
  }
}

async function membersOf(settings: Settings, endpoint: string) {
  const { exitCode, stdout, stderr } = await etcdctl(
    settings,
    ["member", "list", "--write-out=simple"],
    endpoint,
  );
  if (exitCode !== 0) throw new FrontError(`failed to list etcd members: ${stderr.trim()}`);
  return stdout
    .split("\n")
    .filter((line) => line.includes(", "))
    .map((line) => {
      const [id = "", , name = "", peer = ""] = line.split(", ");
      return { id, name, peer };
    });
}
