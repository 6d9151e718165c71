/** What the tests of `restore` have in common: a host with one backup, kills at exact places, and what must never be left. */
import { startBareServer } from "../lab/server.ts";
import { OWN_OBJECTS } from "../lab/template.ts";
import { ARCHIVES, PROGRAM, giveKey } from "./workload.ts";
import { expect } from "bun:test";
import type { BareServer, BareServerOptions, CommandResult } from "../lab/server.ts";

export const DATA = "/var/lib/rancher/k3s";
export const STATE = "/var/lib/railiance/cluster";
export const JOURNAL = `${STATE}/restore.journal`;
const GUARD = "/etc/systemd/system/k3s.service.d/zz-railiance-restore.conf";

export const STEPS = ["guard", "stop", "aside", "files", "reset", "start", "check", "finish"];

export interface Backup {
  readonly secret: string;
  /** Path on the server. */
  readonly archive: string;
  /** Of `objectsOf` at the time of the backup. */
  readonly objects: string;
  readonly authority: string;
}

/** A running cluster with some objects and one backup. */
export async function hostWithBackup(
  options: BareServerOptions = {},
): Promise<{ readonly server: BareServer; readonly backup: Backup }> {
  const server = await startBareServer({ helm: false, ...options });
  try {
    return { server, backup: await makeBackup(server) };
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

/** The same, and an object `later` that the backup does not have. `before`: what `objectsOf` gives now. */
export async function hostMovedOn(): Promise<{
  readonly server: BareServer;
  readonly backup: Backup;
  readonly before: string;
}> {
  const { server, backup } = await hostWithBackup();
  try {
    await makeObject(server, "later");
    return { server, backup, before: await objectsOf(server) };
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

/** Makes objects and a backup of them; a key when the server has none. */
export async function makeBackup(server: BareServer, dataDir = DATA): Promise<Backup> {
  const { secret } = await giveKey(server);
  await until("the namespace's own objects", async () => {
    return (await server.run(`k3s kubectl get ${OWN_OBJECTS}`)).exitCode === 0;
  });
  await makeObject(server, "before");
  await server.kubectl("create", "secret", "generic", "password", "--from-literal=value=hunter2");
  const archive = (await server.must(`${PROGRAM} backup -q --data-dir ${dataDir}`)).trim();
  return {
    secret,
    archive,
    objects: await objectsOf(server),
    authority: await authorityOf(server, dataDir),
  };
}

export async function makeObject(server: BareServer, name: string): Promise<void> {
  await server.kubectl("create", "configmap", name, `--from-literal=name=${name}`);
}

/** `kind/name uid` of what lies in the namespace default, and of the namespaces and nodes. */
export async function objectsOf(server: BareServer): Promise<string> {
  const template = 'jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.uid}{"\\n"}{end}';
  const text = await server.kubectl("get", "configmaps,secrets,namespaces,nodes", "-o", template);
  return text.trim().split("\n").sort().join("\n");
}

/** md5 of the client CA. */
export async function authorityOf(server: BareServer, dataDir = DATA): Promise<string> {
  return server.must(`md5sum < ${dataDir}/server/tls/client-ca.crt`);
}

/** A digest of everything on the host that a restore may touch, the database's own files excepted. */
export async function fingerprint(server: BareServer): Promise<string> {
  return server.must(
    `{ find /etc/rancher /etc/systemd/system /etc/default ${DATA}/server/tls ${DATA}/server/cred ${DATA}/server/token ${DATA}/server/manifests ${ARCHIVES} -type f -exec md5sum {} + 2>/dev/null
       find /etc/systemd/system ${DATA}/server -maxdepth 2 -not -path '*/db/*' | sort
       ls ${DATA}/server/db; true; } | sort | md5sum`,
  );
}

/** Everything a restore must not leave, whatever happens: plaintext, temp files; and, when it is over, journal and guard. */
export async function leftovers(
  server: BareServer,
  options: { readonly unfinished?: boolean } = {},
): Promise<string> {
  const over =
    options.unfinished === true
      ? ""
      : `ls -d ${JOURNAL} ${GUARD} /run/systemd/system.control/k3s.service.d ${STATE}/restore-*/archive ${STATE}/restore-*/ballast ${STATE}/restore-*/reset.pid 2>/dev/null;`;
  const { stdout } = await server.run(
    `${over} ls -d /dev/shm/railiance-* /run/railiance-stage-* ${STATE}/railiance-stage-* 2>/dev/null
     find /etc /opt /run ${STATE} ${DATA}/server -xdev -name '.railiance-tmp-*' 2>/dev/null
     ls ${DATA}/server/db/snapshots 2>/dev/null | grep railiance; true`,
  );
  return stdout.trim();
}

export function restore(server: BareServer, flags = "", options = {}): Promise<CommandResult> {
  return server.run(`${PROGRAM} restore ${flags}`, { timeout: 240_000, ...options });
}

/** Fails unless it ended so: exit code, a part of the one sentence, a part of the hint, nothing on stdout. */
export function expectRefusal(
  result: CommandResult,
  wanted: { readonly exit: number; readonly says: string | RegExp; readonly hint?: string },
): void {
  const lines = result.stderr.trim().split("\n");
  const at = lines.findIndex((line) => line.startsWith("error: "));
  expect({ exit: result.exitCode, error: lines[at] ?? result.stderr }).toEqual({
    exit: wanted.exit,
    error:
      typeof wanted.says === "string"
        ? expect.stringContaining(wanted.says)
        : expect.stringMatching(wanted.says),
  });
  if (wanted.hint !== undefined) expect(lines.slice(at + 1).join("\n")).toContain(wanted.hint);
  expect(result.stderr).not.toContain("this is a fault in");
  expect(result.stderr).not.toMatch(/AGE-SECRET-KEY|K10[0-9a-f]{20}/);
  expect(result.stdout).toBe("");
}

/**
 * Runs a restore under strace and signals it when the line that begins a step
 * has been written to the journal: its sync is held up for long enough that
 * nothing of the step can have happened. Fails when it came too late all the same.
 */
export async function signalledAt(
  server: BareServer,
  step: string,
  options: { readonly signal: "KILL" | "TERM"; readonly flags?: string },
): Promise<CommandResult> {
  server.write(
    "/root/watch.sh",
    `while read -r thread line; do case "$line" in *begin*${step}*) kill -${options.signal} "$thread";; esac; done`,
  );
  const result = await server.run(
    `strace -f --seccomp-bpf -qq -s 120 -o '|bash /root/watch.sh' -P ${JOURNAL} -e trace=write,fsync -e inject=fsync:delay_enter=250000 ${PROGRAM} restore ${options.flags ?? "--yes"}`,
    { timeout: 240_000 },
  );
  if (options.signal === "KILL") {
    const lines = server.read(JOURNAL).trim().split("\n");
    expect({ step, last: lines.at(-1) ?? "" }).toEqual({
      step,
      last: expect.stringContaining(`"begin","step":"${step}"`),
    });
  }
  return result;
}

/** A run of `restore` that is killed when it has renamed a path: the sync that follows is held up. */
export function killedAtRename(
  server: BareServer,
  flags: string,
  path: string,
): Promise<CommandResult> {
  server.write(
    "/root/watch.sh",
    `while read -r thread line; do case "$line" in *rename*'"${path}"'*) kill -KILL "$thread";; esac; done`,
  );
  return server.run(
    `strace -f --seccomp-bpf -qq -s 200 -o '|bash /root/watch.sh' -e trace=rename,renameat,renameat2,fsync -e inject=fsync:delay_enter=100000 ${PROGRAM} restore ${flags}`,
    { timeout: 240_000 },
  );
}

/** Waits until `check` is true; a state, not a time. */
export async function until(what: string, check: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 1200; attempt += 1) {
    if (await check()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`never came: ${what}`);
}

export async function isActive(server: BareServer): Promise<boolean> {
  return (await server.run("systemctl is-active k3s")).stdout.trim() === "active";
}

/** What a start by hand must not do while a journal is there. */
export async function expectHeldBack(server: BareServer): Promise<void> {
  const state = "systemctl show k3s -p ActiveState,ExecMainStartTimestampMonotonic";
  const before = await server.must(state);
  await server.run("timeout 20 systemctl start k3s");
  await server.run("timeout 20 systemctl restart k3s");
  expect(await server.must(state)).toBe(before);
  expect(before).toMatch(/^ActiveState=inactive$/m);
  const { stdout } = await server.run("systemctl status k3s --no-pager");
  expect(stdout).toContain(`ConditionPathExists=!${JOURNAL}`);
  for (const command of ["restore --resume", "restore --rollback", "doctor"]) {
    expect(stdout.split("\n")[0]).toContain(`railiance-cluster ${command}`);
  }
}
