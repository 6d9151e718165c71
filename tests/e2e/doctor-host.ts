/** What the tests of `doctor` have in common: its answer, one check of it, and its commands typed as they stand there. */
import { expect } from "bun:test";
import { PROGRAM } from "./workload.ts";
import type { BareServer, CommandResult } from "../lab/server.ts";

export interface Check {
  readonly id: string;
  readonly outcome: string;
  readonly detail: string;
  readonly hint?: string;
}

export interface Piece {
  readonly path: string;
  readonly what: string;
  readonly bytes: number;
  readonly command: string;
  readonly restored_from?: string;
}

export interface Answer {
  readonly exit: number;
  readonly checks: readonly Check[];
  readonly removable: readonly Piece[];
}

/** Runs `doctor`; fails when it changed anything, showed a secret, or said something else as text than as JSON. */
export async function examine(server: BareServer, flags = ""): Promise<Answer> {
  const before = await footprint(server);
  const text = await server.run(`${PROGRAM} doctor ${flags}`, { timeout: 60_000 });
  const json = await server.run(`${PROGRAM} doctor --json ${flags}`, { timeout: 60_000 });
  expect(await footprint(server)).toBe(before);
  const answer: unknown = JSON.parse(json.stdout);
  if (!isAnswer(answer)) throw new Error(`no answer of doctor: ${json.stdout}${json.stderr}`);
  for (const { stdout, stderr } of [text, json]) {
    expect(stdout + stderr).not.toMatch(/AGE-SECRET-KEY|K10[0-9a-f]{20}|this is a fault in/);
  }
  expect({ exit: text.exitCode, json: answer.exit_code }).toEqual({
    exit: json.exitCode,
    json: json.exitCode,
  });
  for (const { detail } of answer.checks.filter(({ outcome }) => outcome === "fail")) {
    expect(text.stdout).toContain(detail);
  }
  return { exit: json.exitCode, checks: answer.checks, removable: answer.removable };
}

/** Names, sizes and modes of everything it looks at; K3s's own files change while it runs, and `etcd-tmp` comes and goes where it starts again and again. */
async function footprint(server: BareServer): Promise<string> {
  const { stdout } = await server.run(
    `[ "$(systemctl is-active k3s)" = activating ] && passing=etcd-tmp
     find /var/lib/railiance /etc/systemd /etc/rancher /opt/backup /run/railiance /run/systemd/system.control /dev/shm -printf '%p %s %m %i\\n' 2>/dev/null | sort
     find /var/lib/rancher/k3s/server -maxdepth 2 -printf '%p %m %i\\n' 2>/dev/null | grep -v -e kine.sock -e reset-flag -e "\${passing:-kine.sock}" | sort`,
  );
  return stdout;
}

function isAnswer(value: unknown): value is {
  readonly exit_code: number;
  readonly checks: readonly Check[];
  readonly removable: readonly Piece[];
} {
  return (
    typeof value === "object" &&
    value !== null &&
    "exit_code" in value &&
    "checks" in value &&
    Array.isArray(value.checks) &&
    "removable" in value &&
    Array.isArray(value.removable)
  );
}

/** The check with this id; fails with all that was found when there is none. */
export function checkOf({ checks }: Answer, id: string): Check {
  const found = checks.find((check) => check.id === id);
  if (found !== undefined) return found;
  const seen = checks.filter(({ outcome }) => outcome !== "ok");
  throw new Error(`no check ${id} among ${JSON.stringify([checks.map((one) => one.id), seen])}`);
}

/** What follows a label on one line of the hint: the command, and nothing but the command. */
export function commandOf({ hint = "" }: Check, label: string): string {
  const line = hint.split("\n").find((one) => one.startsWith(label));
  if (line === undefined) throw new Error(`no "${label}" in ${JSON.stringify(hint)}`);
  return line.slice(label.length);
}

/** Types a command as root, and fails unless it ends well. */
export async function type(server: BareServer, command: string): Promise<CommandResult> {
  const path = PROGRAM.slice(0, PROGRAM.lastIndexOf("/"));
  const result = await server.run(`PATH=$PATH:${path}\n${command}`, { timeout: 120_000 });
  expect({ command, exit: result.exitCode, stderr: result.stderr }).toEqual({
    command,
    exit: 0,
    stderr: expect.any(String),
  });
  return result;
}
