/**
 * A server with a backup and a cluster that has moved on since, and what must be
 * so after any fault: one of the two clusters whole and ready, nothing half done,
 * nothing secret left.
 */
import { randomBytes } from "node:crypto";
import {
  DATA,
  JOURNAL,
  STATE,
  authorityOf,
  leftovers,
  makeBackup,
  objectsOf,
  restore,
} from "../e2e/restore-host.ts";
import { ARCHIVES, PROGRAM } from "../e2e/workload.ts";
import { startBareServer } from "../lab/server.ts";
import type { BareServer, BareServerOptions } from "../lab/server.ts";

export interface Bench {
  readonly server: BareServer;
  /** Path of the one archive that is always there. */
  readonly archive: string;
  /** Strings that must not lie anywhere outside K3s's own files. */
  readonly secrets: readonly string[];
  /** Of `stateOf`: as it was when the backup was made, and as it runs now. */
  readonly states: { backup: string; before: string };
}

export type Side = "backup" | "before";
export type Way = "--resume" | "--rollback";

/** How to end what was cut: each way in turn, and as often after a boundary as before it, for those come in pairs. */
export function wayOf(index: number): Way {
  return (index + Math.floor(index / 2)) % 2 === 0 ? "--resume" : "--rollback";
}

/** A bench that can be replaced when a round has lost its cluster. */
export interface BenchPlace extends AsyncDisposable {
  readonly now: Bench;
  renew(): Promise<void>;
}

export async function benchPlace(options: BareServerOptions): Promise<BenchPlace> {
  let bench = await makeBench(options);
  return {
    get now() {
      return bench;
    },
    async renew() {
      await bench.server[Symbol.asyncDispose]();
      bench = await makeBench(options);
    },
    [Symbol.asyncDispose]: () => bench.server[Symbol.asyncDispose](),
  };
}

async function makeBench(options: BareServerOptions): Promise<Bench> {
  const server = await startBareServer({ helm: false, ...options });
  try {
    const marker = `marker-${randomBytes(12).toString("hex")}`;
    await server.kubectl("create", "secret", "generic", "marked", `--from-literal=value=${marker}`);
    server.write("/etc/rancher/k3s/registries.yaml", "mirrors: {}\n");
    server.write("/etc/default/k3s", "# as in the backup\n");
    const { archive } = await makeBackup(server);
    const password = server.read(`${DATA}/server/token`).trim().split(":").at(-1) ?? "";
    const states = { backup: await stateOf(server), before: "" };
    const bench = { server, archive, secrets: [marker, password], states };
    await moveOn(bench);
    return bench;
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

/** The cluster and its configuration as no backup has them. */
export async function moveOn({ server, states }: Bench): Promise<void> {
  if ((await server.run("k3s kubectl get configmap later")).exitCode !== 0) {
    await server.kubectl("create", "configmap", "later", "--from-literal=name=later");
  }
  server.write("/etc/rancher/k3s/registries.yaml", "mirrors: {}\n# later\n");
  server.remove("/etc/default/k3s");
  states.before = await stateOf(server);
  if (states.before === states.backup) throw new Error("both states look the same");
  // What a test prepares is not what a power cut shall take.
  await server.must("sync -f /");
}

/** Objects with their UIDs, the CA, the token and the configuration. */
async function stateOf(server: BareServer): Promise<string> {
  const files = `cd / && md5sum etc/rancher/k3s/config.yaml etc/rancher/k3s/registries.yaml etc/default/k3s ${DATA}/server/token etc/systemd/system/k3s.service 2>/dev/null; true`;
  return `${await objectsOf(server)}\n${await authorityOf(server)}${await server.must(files)}`;
}

/**
 * Goes on or goes back after a cut, as an operator would, and checks all that is
 * promised. Without a journal the restore had not begun, or was over: then the next
 * start has to clear up, and either cluster is right.
 */
export async function recover(bench: Bench, way: Way): Promise<void> {
  const { server } = bench;
  const journaled = server.exists(JOURNAL);
  const result = await restore(server, way);
  const wanted = journaled ? 0 : 9;
  if (result.exitCode !== wanted) {
    throw new Error(`${way} ended with ${result.exitCode}, not ${wanted}: ${result.stderr}`);
  }
  if (!journaled) {
    await untilReady(server);
    await must(server, "restore --plan");
  }
  const right: readonly Side[] = way === "--resume" ? ["backup"] : ["before"];
  await expectWell(bench, journaled ? right : ["backup", "before"]);
}

/** Throws unless one of these clusters runs whole and nothing is left; then the bench is as new. */
export async function expectWell(bench: Bench, sides: readonly Side[]): Promise<Side> {
  const { server, states } = bench;
  await untilReady(server);
  const state = await stateOf(server);
  const side = sides.find((one) => states[one] === state);
  if (side === undefined) {
    throw new Error(
      `neither ${sides.join(" nor ")} but:\n${state}\nbackup:\n${states.backup}\nbefore:\n${states.before}`,
    );
  }
  await expectNothingLeft(bench);
  await server.must(
    `rm -rf ${DATA}/server/{before,undone,unfinished}-* ${DATA}/server/db/{before,undone,unfinished}-* ${DATA}/server/db/etcd-old-* ${DATA}/server/tls-* ${STATE}/restore-*`,
  );
  if (side === "backup") await moveOn(bench);
  return side;
}

/** Throws with the paths when plaintext, temp files, journal or guard are left, or a secret lies about. */
export async function expectNothingLeft({ server, secrets }: Bench): Promise<void> {
  const left = await leftovers(server);
  const spools = (await server.run("ls -d /var/tmp/railiance-* /tmp/railiance-* 2>/dev/null"))
    .stdout;
  if (left !== "" || spools !== "") throw new Error(`left behind: ${left} ${spools}`);
  const patterns = secrets.map((secret) => `-e ${secret}`).join(" ");
  const found = await server.run(
    `grep -rlaF -D skip ${patterns} /etc /opt/backup /run /dev/shm /tmp /root /var/tmp /var/log /var/lib/railiance 2>/dev/null`,
  );
  if (found.stdout !== "") throw new Error(`a secret lies in ${found.stdout}`);
}

/** Throws when there is an archive that can be chosen and does not verify, or none at all. */
export async function expectOnlyWholeArchives({ server, archive }: Bench): Promise<void> {
  const listed = await must(server, "list --json");
  const names = [...listed.matchAll(/"path":\s*"([^"]+\.age)"/g)].map(([, path]) => path);
  if (!names.includes(archive)) throw new Error(`the archive that was there is gone: ${listed}`);
  await must(server, "verify --all");
}

/** The next backup has to work and to leave nothing; then only the first archive stays. */
export async function backUpAgain(bench: Bench): Promise<void> {
  const { server, archive } = bench;
  await must(server, "backup -q"); // reads back what it has written
  await expectNothingLeft(bench);
  const names = await server.must(`ls -A ${ARCHIVES}`);
  for (const name of names.trim().split("\n")) {
    if (name.startsWith(".")) throw new Error(`left behind: ${ARCHIVES}/${name}`);
    if (!archive.endsWith(`/${name.replace(/\.json$/, "")}`)) server.remove(`${ARCHIVES}/${name}`);
  }
  await server.must("sync -f /");
}

async function must(server: BareServer, args: string): Promise<string> {
  const result = await server.run(`${PROGRAM} ${args}`, { timeout: 240_000 });
  if (result.exitCode === 0) return result.stdout;
  throw new Error(`${args} ended with ${result.exitCode}: ${result.stderr}`);
}

/** K3s runs and answers; throws with its log's end when that does not come. */
export async function untilReady(server: BareServer): Promise<void> {
  const { exitCode } = await server.run(
    `for attempt in $(seq 600); do
       [ "$(systemctl is-active k3s)" = active ] && k3s kubectl get --raw /readyz >/dev/null 2>&1 && exit 0
       sleep 0.1
     done; exit 1`,
  );
  if (exitCode === 0) return;
  const { stdout } = await server.run(
    "systemctl status k3s --no-pager -n 5; ls /var/lib/railiance/cluster",
  );
  throw new Error(`K3s does not run: ${stdout}`);
}
