/** What every test of a backup that must fail asks: exit code, one sentence, empty stdout, and nothing left behind. */
import { afterAll, afterEach, beforeAll, beforeEach, expect } from "bun:test";
import { startBareServer } from "../lab/server.ts";
import type { BareServer, CommandResult, RunOptions } from "../lab/server.ts";
import { ARCHIVES, PROGRAM, giveKey } from "./workload.ts";
import type { Key } from "./workload.ts";

export const SNAPSHOTS = "/var/lib/rancher/k3s/server/db/snapshots";

/** Paths where a run could leave something: temp files, stages, spools, unpacked archives, snapshots of ours. */
const LEFTOVERS = `find /opt/backup /dev/shm /run /tmp /var/tmp /var/lib/railiance /root /mnt /media -xdev \
  \\( -name '.railiance-tmp-*' -o -name 'railiance-stage-*' -o -name 'railiance-spool-*' -o -path '*/restore-*/archive' \\) \
  -print 2>/dev/null; find ${SNAPSHOTS} /srv -name '*railiance-s2-*' -print 2>/dev/null; pgrep -af 'etcd-snapshot|[h]elm list' | grep -v pgrep; true`;

/** Everything that a backup may have left on the server, one path a line; empty when it is clean. */
export async function leftovers(server: BareServer): Promise<string> {
  return (await server.run(LEFTOVERS)).stdout.trim();
}

/** Names in the archive folder, archives and sidecars; sorted. */
export async function archivesOn(server: BareServer, folder = ARCHIVES): Promise<string[]> {
  const { stdout } = await server.run(`ls -A ${folder} 2>/dev/null; true`);
  return stdout.split("\n").filter((name) => name !== "");
}

export interface Expected {
  readonly exit: number;
  /** In the line that begins with `error: `. */
  readonly says: string | RegExp;
  /** In the lines below it. */
  readonly hint?: string | RegExp;
}

/** Runs `backup ARGS` and checks that it is refused as expected, in one sentence, and that nothing has changed. */
export async function refused(
  server: BareServer,
  args: string,
  expected: Expected & { readonly run?: RunOptions },
): Promise<CommandResult> {
  const before = await stateOf(server);
  const result = await runBackup(server, args, expected.run);
  expectRefusal(result, expected);
  expect(await leftovers(server)).toBe("");
  expect(await stateOf(server)).toEqual(before);
  return result;
}

/** The shape of a refusal: its exit code, one line `error:` with a sentence, hints below it, nothing on stdout. */
export function expectRefusal(result: CommandResult, expected: Expected): void {
  const lines = result.stderr.trimEnd().split("\n");
  const at = lines.findIndex((line) => line.startsWith("error: "));
  const sentence = lines[at] ?? result.stderr;
  if (typeof expected.says === "string") expect(sentence).toContain(expected.says);
  else expect(sentence).toMatch(expected.says);
  expect(sentence).not.toMatch(/fault in railiance|\.$/);
  expect(lines.filter((line) => line.startsWith("error: "))).toHaveLength(1);
  const hints = lines.slice(at + 1);
  expect(hints.filter((line) => !line.startsWith("  "))).toEqual([]);
  if (typeof expected.hint === "string") expect(hints.join("\n")).toContain(expected.hint);
  else if (expected.hint !== undefined) expect(hints.join("\n")).toMatch(expected.hint);
  expect(result.exitCode).toBe(expected.exit);
  expect(result.stdout).toBe("");
}

/** Archives with their hashes, and the process that K3s is: a refused backup changes neither. */
async function stateOf(server: BareServer): Promise<string> {
  const { stdout } = await server.run(
    `systemctl show k3s -p ActiveState,MainPID,NRestarts; md5sum ${ARCHIVES}/* 2>/dev/null; find /etc/rancher -type f -exec md5sum {} +; true`,
  );
  return stdout;
}

/** Runs `backup ARGS`, expects an archive (exit 0, or 3 when `exit` says so), and gives its path and what was said. */
export async function backedUp(
  server: BareServer,
  args = "",
  options: RunOptions & { readonly exit?: 0 | 3 } = {},
): Promise<{ readonly path: string; readonly said: string }> {
  const { exit = 0, ...run } = options;
  const result = await runBackup(server, args, run);
  if (result.exitCode !== exit) {
    throw new Error(`backup ended with ${result.exitCode}, not ${exit}: ${result.stderr}`);
  }
  expect(result.stdout).toMatch(/^\/\S+\.age\n$/);
  expect(await leftovers(server)).toBe("");
  return { path: result.stdout.trim(), said: result.stderr };
}

function runBackup(
  server: BareServer,
  args: string,
  options: RunOptions = {},
): Promise<CommandResult> {
  const { cwd, ...run } = options;
  return server.run(`${cwd === undefined ? "" : `cd ${cwd} && `}${PROGRAM} backup ${args}`, run);
}

/** Removes archives, so that each test finds an empty folder. */
export async function clearArchives(server: BareServer): Promise<void> {
  await server.must(`rm -rf ${ARCHIVES}`);
}

/** Asks again and again until `check` is true; throws after `timeout` milliseconds. */
export async function until(
  what: string,
  check: () => boolean | Promise<boolean>,
  timeout = 30_000,
): Promise<void> {
  const end = performance.now() + timeout;
  while (!(await check())) {
    if (performance.now() > end) throw new Error(`${what} did not come about in ${timeout} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/**
 * Registers a server for the tests around it: each of them finds it with a new key,
 * without archives and without what the one before has left. Gives it once they run.
 */
export function serverForBackups(): () => { readonly server: BareServer; readonly key: Key } {
  let host: { readonly server: BareServer; readonly key: Key } | undefined;
  let server: BareServer;
  beforeAll(async () => {
    server = await startBareServer({ tools: ["age", "zstd", "tar"] });
  }, 120_000);
  afterAll(() => server[Symbol.asyncDispose]());
  beforeEach(async () => {
    await clearArchives(server);
    host = { server, key: await giveKey(server) };
  });
  afterEach(() =>
    server.must(
      "umount -q /mnt/* 2>/dev/null; rm -rf /mnt/* /srv/ops /root/.sops.yaml /root/*.txt",
    ),
  );
  return () => {
    if (host === undefined) throw new Error("the server is made before the first test");
    return host;
  };
}
