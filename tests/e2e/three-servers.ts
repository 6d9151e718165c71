/** Three bare servers of one cluster for the tests of `restore --peer`: a backup of each, and a way back to that state. */
import { expect } from "bun:test";
import { startServers } from "../lab/servers.ts";
import { KEY_FILE, PROGRAM } from "./workload.ts";
import { DATA, STATE, authorityOf, makeBackup, makeObject, objectsOf } from "./restore-host.ts";
import type { BareServer, CommandResult } from "../lab/server.ts";
import type { Servers } from "../lab/servers.ts";

export const CONFIG = "/etc/rancher/k3s/config.yaml";
export const JOIN_FILE = `${CONFIG}.d/zz-railiance-join.yaml`;
export const TOKEN_COPY = "/etc/rancher/k3s/railiance/token";
/** What is put back between two tests: databases, keys, tokens, configuration. */
const SAVED = "/root/as-it-was";

export interface Three extends AsyncDisposable {
  readonly servers: Servers;
  readonly s1: BareServer;
  readonly s2: BareServer;
  readonly s3: BareServer;
  readonly all: readonly BareServer[];
  /** Of `objectsOf` at the time of the backup. */
  readonly objects: string;
  readonly authority: string;
  /** All three as they were: one cluster, with an object that no backup has. */
  reset(): Promise<void>;
}

/** One backup on each server of the same objects, then one object more. Takes about a minute. */
export async function threeWithBackups(): Promise<Three> {
  const servers = await startServers({ count: 3, helm: false });
  try {
    const [s1, s2, s3] = servers.list;
    if (s1 === undefined || s2 === undefined || s3 === undefined) throw new Error("three wanted");
    const all = [s1, s2, s3];
    const backup = await makeBackup(s1);
    for (const server of [s2, s3]) {
      server.write(KEY_FILE, s1.read(KEY_FILE));
      await server.must(`${PROGRAM} backup -q`);
    }
    await makeObject(s1, "later");
    await each(all, (server) => server.stopCluster());
    await each(all, save);
    const three = {
      servers,
      s1,
      s2,
      s3,
      all,
      objects: backup.objects,
      authority: backup.authority,
      async reset() {
        for (const index of all.keys()) await servers.plug(index, true);
        await each(all, putBack);
        await each(all, (server) => server.startCluster({ timeout: 120_000 }));
        await expectMembers(all);
      },
      [Symbol.asyncDispose]: () => servers[Symbol.asyncDispose](),
    };
    await three.reset();
    return three;
  } catch (error) {
    await servers[Symbol.asyncDispose]();
    throw error;
  }
}

export function each<T>(
  servers: readonly BareServer[],
  action: (server: BareServer) => Promise<T>,
): Promise<T[]> {
  return Promise.all(servers.map(action));
}

/** Keeps what `putBack` puts back. K3s has to be stopped. */
export async function save(server: BareServer): Promise<void> {
  await server.must(
    `mkdir -p ${SAVED} && cp -a --sparse=always ${DATA}/server ${SAVED}/server && cp -a /etc/rancher ${SAVED}/rancher`,
  );
}

/** The server as it was at `save`, with K3s stopped and no restore begun. */
export async function putBack(server: BareServer): Promise<void> {
  server.faults("");
  await server.must(
    `rm -rf ${STATE}/restore* /etc/systemd/system/k3s.service.d /run/systemd/system.control/k3s.service.d
     systemctl daemon-reload; systemctl enable k3s; systemctl stop k3s; systemctl reset-failed k3s || true
     : > /etc/systemd/system/k3s.service.env
     rm -rf ${DATA}/server /etc/rancher
     cp -a --sparse=always ${SAVED}/server ${DATA}/server && cp -a ${SAVED}/rancher /etc/rancher`,
  );
}

/** Waits until every server knows as many voters as there are servers; fails when it never does. */
export async function expectMembers(servers: readonly BareServer[]): Promise<void> {
  for (const server of servers) {
    for (let attempt = 0; ; attempt += 1) {
      const { stdout } = await server.run(etcdctl("member list"));
      const voters = stdout.split("\n").filter((line) => line.endsWith(", false"));
      if (voters.length === servers.length) break;
      if (attempt > 240) throw new Error(`${server.name} does not see all as voters: ${stdout}`);
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}

export function etcdctl(args: string): string {
  return `cd ${DATA}/server/tls/etcd && /usr/local/lib/k3s-lab/etcdctl --endpoints=https://127.0.0.1:2379 --cacert=server-ca.crt --cert=client.crt --key=client.key ${args}`;
}

/** One cluster of all three, each a voter, with the objects of the backup and nothing else, and the same CA. */
export async function expectOneRestoredCluster(three: Three): Promise<void> {
  await expectMembers(three.all);
  for (const server of three.all) {
    expect({ server: server.name, objects: await objectsOf(server) }).toEqual({
      server: server.name,
      objects: three.objects,
    });
    expect(await authorityOf(server)).toBe(three.authority);
  }
}

export function join(server: BareServer, to: BareServer, flags = "--yes"): Promise<CommandResult> {
  return server.run(`${PROGRAM} restore --peer ${urlOf(to)} ${flags}`, { timeout: 400_000 });
}

export function urlOf(server: BareServer): string {
  return `https://10.99.0.${server.name.slice(1)}:6443`;
}

/** Fails with everything that was said. */
export function expectDone(result: CommandResult): void {
  expect({ exit: result.exitCode, stderr: result.stderr }).toEqual({
    exit: 0,
    stderr: expect.any(String),
  });
}

/** Runs a command until it succeeds; a state, not a time. */
export async function eventually(server: BareServer, command: string): Promise<void> {
  let last = "";
  for (let attempt = 0; attempt < 240; attempt += 1) {
    const result = await server.run(command, { timeout: 20_000 });
    if (result.exitCode === 0) return;
    last = result.stderr;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  throw new Error(`${server.name} never came to: ${command}: ${last}`);
}

/** `enabled` or `disabled`: whether K3s starts at the next boot. */
export async function atBoot(server: BareServer): Promise<string> {
  return (await server.run("systemctl is-enabled k3s")).stdout.trim();
}

export async function leaderOf(servers: readonly BareServer[]): Promise<BareServer> {
  for (const server of servers) {
    const status = await server.must(etcdctl("endpoint status --write-out=fields"));
    const member = /"MemberID" : (\d+)/.exec(status)?.[1];
    if (member !== undefined && status.includes(`"Leader" : ${member}\n`)) return server;
  }
  throw new Error("there is no leader");
}

/** Starts a restore and stops it (SIGSTOP) when a step is in the journal; `kill -CONT` lets it go on. */
export async function stoppedAt(
  server: BareServer,
  step: string,
): Promise<{ readonly pid: string; readonly done: Promise<CommandResult> }> {
  const journal = `${STATE}/restore.journal`;
  // Below a shell: nsenter stops itself when its own child stops, and nobody would wake it.
  const { done } = server.start(`${PROGRAM} restore --yes; exit $?`, { timeout: 400_000 });
  const watch = `for i in $(seq 6000); do grep -q '"begin","step":"${step}"' ${journal} 2>/dev/null && { pid=$(pgrep -n -x railiance-clust); kill -STOP $pid; echo $pid; exit 0; }; sleep 0.01; done; exit 1`;
  const pid = (await server.must(watch, { timeout: 120_000 })).trim();
  return { pid, done };
}
