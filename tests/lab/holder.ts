/** The one process that a server's mounts and network hang on; the kernel takes them away with it. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { must, startTime } from "./command.ts";

/** Commands run with the holder's mounts and network. */
export function inside(holder: number, argv: readonly string[]): Promise<string> {
  return must(["nsenter", "-t", String(holder), "-m", "-n", "--", ...argv]);
}

/** Where a server's disk lies: see `MachineOptions.disk`. */
export type DiskKind = "memory" | "real" | "cuttable";

/**
 * Nothing reaches a cuttable disk but what is synced: no commits of the journal
 * by the clock, and none of ext4's guesses that a rename wants its data synced.
 * (The kernel's own writing back of pages older than 30 s stays.)
 */
export function mountImage(run: string): string {
  return `mount -o loop,noatime,commit=3600,noauto_da_alloc ${run}/image/disk ${run}/layer`;
}

function mountLayer(run: string, disk: DiskKind): string {
  if (disk === "memory") return `mount -t tmpfs -o size=12g,mode=755 lab ${run}/layer`;
  if (disk === "real") return ":";
  return `mkdir -p ${run}/image; mount -t tmpfs -o size=12g,mode=700 lab ${run}/image; truncate -s 12G ${run}/image/disk; mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=1,nodiscard ${run}/image/disk; ${mountImage(run)}`;
}

/** Starts the holder of a run folder: `layer/upper` and `layer/work` are there when this resolves. */
export async function startHolder(
  run: string,
  disk: DiskKind,
): Promise<{ pid: number; process: ChildProcess }> {
  mkdirSync(`${run}/layer`, { recursive: true });
  mkdirSync(`${run}/root`, { recursive: true });
  // By rename: a reader must never see half of it.
  writeFileSync(
    `${run}/owner.new`,
    JSON.stringify({ pid: process.pid, started: startTime(process.pid) }),
  );
  renameSync(`${run}/owner.new`, `${run}/owner`);
  const script = `set -e; ${mountLayer(run, disk)}; mkdir -p ${run}/layer/upper ${run}/layer/work; echo ready; exec sleep infinity`;
  const process_ = spawn(
    "setpriv",
    [
      "--pdeathsig",
      "KILL",
      "--",
      "unshare",
      "--mount",
      "--net",
      "--propagation",
      "private",
      "sh",
      "-c",
      script,
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  await new Promise<void>((resolve, reject) => {
    process_.stdout?.once("data", () => resolve());
    process_.once("exit", (code) => reject(new Error(`the lab's holder ended with ${code}`)));
  });
  process_.unref();
  const pid = process_.pid ?? 0;
  return { pid, process: process_ };
}

/** A kernel may lack dummy links, so the address goes on lo (lab.md). */
export async function giveAddress(holder: number, address: string): Promise<void> {
  await inside(holder, ["ip", "link", "set", "lo", "up"]);
  await inside(holder, ["ip", "addr", "add", `${address}/32`, "dev", "lo"]);
  await inside(holder, ["ip", "route", "add", "default", "dev", "lo"]);
}
