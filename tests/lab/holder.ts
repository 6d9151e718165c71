/** The one process that a server's mounts and network hang on; the kernel takes them away with it. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { must, startTime } from "./command.ts";

/** Commands run with the holder's mounts and network. */
export function inside(holder: number, argv: readonly string[]): Promise<string> {
  return must(["nsenter", "-t", String(holder), "-m", "-n", "--", ...argv]);
}

/** Starts the holder of a run folder: `layer/upper` and `layer/work` are there when this resolves. */
export async function startHolder(
  run: string,
  disk: "memory" | "real",
): Promise<{ pid: number; process: ChildProcess }> {
  const memory = disk === "memory" ? `mount -t tmpfs -o size=12g,mode=755 lab ${run}/layer` : ":";
  mkdirSync(`${run}/layer`, { recursive: true });
  mkdirSync(`${run}/root`, { recursive: true });
  // By rename: a reader must never see half of it.
  writeFileSync(
    `${run}/owner.new`,
    JSON.stringify({ pid: process.pid, started: startTime(process.pid) }),
  );
  renameSync(`${run}/owner.new`, `${run}/owner`);
  const script = `set -e; ${memory}; mkdir -p ${run}/layer/upper ${run}/layer/work; echo ready; exec sleep infinity`;
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
