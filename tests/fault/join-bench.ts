/**
 * Two servers of one cluster: one was restored, the other still has its old data and is to join it.
 * And what must be so after any fault: a voter with the restored data, or the old data back.
 */
import {
  DATA,
  JOURNAL,
  authorityOf,
  isActive,
  leftovers,
  makeBackup,
  makeObject,
  objectsOf,
  restore,
} from "../e2e/restore-host.ts";
import {
  CONFIG,
  etcdctl,
  eventually,
  expectDone,
  expectMembers,
  join,
  putBack,
  save,
  urlOf,
} from "../e2e/three-servers.ts";
import { EXIT } from "../../src/errors.ts";
import { startServers } from "../lab/servers.ts";
import { untilReady } from "./bench.ts";
import type { Backup } from "../e2e/restore-host.ts";
import type { BareServer, CommandResult } from "../lab/server.ts";
import type { Way } from "./bench.ts";

export interface JoinBench extends AsyncDisposable {
  readonly restored: BareServer;
  readonly peer: BareServer;
  readonly backup: Backup;
  /** Of `oldDataOf`. */
  readonly old: string;
}

/** A peer that has not begun to join. Takes about half a minute. */
export async function joinBench(): Promise<JoinBench> {
  const servers = await startServers({ count: 2, helm: false });
  try {
    const [restored, peer] = servers.list;
    if (restored === undefined || peer === undefined) throw new Error("two wanted");
    const backup = await makeBackup(restored);
    await makeObject(restored, "later");
    await peer.stopCluster();
    // So that there are files to write and to take back.
    peer.write(CONFIG, peer.read(CONFIG).replace(/^token:.*\n/m, ""));
    await save(peer);
    expectDone(await restore(restored, "--yes"));
    const old = await oldDataOf(peer);
    const dispose = () => servers[Symbol.asyncDispose]();
    return { restored, peer, backup, old, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await servers[Symbol.asyncDispose]();
    throw error;
  }
}

/** The restored server alone again, and the peer as it was before it began. */
export async function asBefore({ restored, peer }: JoinBench): Promise<void> {
  const members = (await restored.must(etcdctl("member list"))).trim().split("\n");
  for (const [id = "", , name = ""] of members.map((line) => line.split(", "))) {
    if (!name.startsWith(`${restored.name}-`)) await removeMember(restored, id);
  }
  await putBack(peer);
  await peer.must("systemctl enable --quiet k3s");
}

/** etcd refuses until all members have been connected for five seconds ("unhealthy cluster"). */
async function removeMember(restored: BareServer, id: string): Promise<void> {
  const isGone = `(${etcdctl("member list")}) > /run/members && ! grep -q ${id} /run/members`;
  await eventually(restored, `(${etcdctl(`member remove ${id}`)}) || { ${isGone}; }`);
}

/** The arguments of the run that is cut. */
export function joining({ restored }: JoinBench): string {
  return `restore --peer ${urlOf(restored)} --yes`;
}

/**
 * Goes on or goes back after a cut, as an operator would. Without a journal the join had not
 * begun, or was over: then the same again has to end it. With a vote there is no way back.
 */
export async function recoverJoin(bench: JoinBench, way: Way): Promise<void> {
  const { restored, peer } = bench;
  if (!peer.exists(JOURNAL)) {
    expectExit(await restore(peer, way), [EXIT.notFound]);
    expectDone(await join(peer, restored));
    return await expectJoined(bench);
  }
  await expectNotStarted(peer);
  const result = await restore(peer, way);
  if (way === "--resume") {
    expectDone(result);
    return await expectJoined(bench);
  }
  expectExit(result, [EXIT.ok, EXIT.refused]);
  if (result.exitCode === EXIT.ok) return await expectOldData(bench);
  if (!result.stderr.includes("this server has a vote")) throw new Error(result.stderr);
  expectDone(await restore(peer, "--resume"));
  await expectJoined(bench);
}

/** Between the old data and the new nobody may have started K3s. */
async function expectNotStarted(peer: BareServer): Promise<void> {
  const journal = peer.read(JOURNAL);
  const isBetween = journal.includes('"step":"aside"') && !journal.includes('"step":"start"');
  if (isBetween && (await isActive(peer))) throw new Error("K3s was started on half a join");
}

/** A voter of the restored cluster, with its data and its CA, and nothing left. */
export async function expectJoined(bench: JoinBench): Promise<void> {
  const { restored, peer, backup } = bench;
  await expectMembers([restored, peer]);
  for (const server of [restored, peer]) {
    // K3s ends when it loses its lease, as it may when members come and go; systemd starts it again.
    await untilReady(server);
    const [objects, authority] = [await objectsOf(server), await authorityOf(server)];
    if (objects !== backup.objects) throw new Error(`${server.name} has other objects: ${objects}`);
    if (authority !== backup.authority) throw new Error(`${server.name} has another CA`);
  }
  await expectNothingLeft(peer);
}

/** The old data, to the byte, and K3s stopped: it would bring the old cluster back. */
async function expectOldData(bench: JoinBench): Promise<void> {
  const { restored, peer, old } = bench;
  const now = await oldDataOf(peer);
  if (now !== old) throw new Error(`not the old data but:\n${now}\nbefore:\n${old}`);
  if (await isActive(peer)) throw new Error("K3s runs after the way back");
  await untilReady(restored);
  await expectNothingLeft(peer);
}

async function expectNothingLeft(peer: BareServer): Promise<void> {
  const left = await leftovers(peer);
  if (left !== "") throw new Error(`left behind: ${left}`);
  const password = peer.read(`${DATA}/server/token`).trim().split(":").at(-1) ?? "";
  const places = "/run /dev/shm /tmp /var/tmp /var/log /var/lib/railiance/results";
  const found = await peer.run(`grep -rlaF -D skip -e ${password} ${places} 2>/dev/null`);
  if (found.stdout !== "") throw new Error(`the token lies in ${found.stdout}`);
}

/** The database and the configuration, file by file. */
async function oldDataOf(peer: BareServer): Promise<string> {
  const files = `${CONFIG} ${CONFIG}.d /etc/rancher/k3s/railiance ${DATA}/server/db/etcd`;
  return await peer.must(`find ${files} -type f -exec md5sum {} + 2>/dev/null | sort -k 2; true`);
}

function expectExit({ exitCode, stderr }: CommandResult, wanted: readonly number[]): void {
  if (!wanted.includes(exitCode ?? -1)) {
    throw new Error(`exit ${exitCode}, not ${wanted.join(" or ")}: ${stderr}`);
  }
}
