/** The parts this server runs, and ending them together. */
import type { ChildProcess } from "node:child_process";
import { fatal, log } from "./log.ts";
import { ended } from "./parts.ts";

const children: { readonly process: ChildProcess; readonly signal: "SIGTERM" | "SIGKILL" }[] = [];
let stopping = false;
let told = false;

/** Watches a part: when it ends by itself, so does the server. `signal` is what it gets at a stop. */
export function child(
  started: ChildProcess,
  signal: "SIGTERM" | "SIGKILL",
  name: string,
): ChildProcess {
  children.push({ process: started, signal });
  started.on("exit", (code) => {
    if (stopping) return;
    killAll();
    fatal(`${name} exited: exit status ${code ?? "unknown"}`);
  });
  return started;
}

/** Whether `stop` ends the parts and then the process: what fails meanwhile for want of them is no fault. */
export function isStopping(): boolean {
  return told;
}

/** Before a fatal error. */
export function killAll(): void {
  stopping = true;
  for (const { process: one } of children) one.kill("SIGKILL");
}

/** Stops everything: the API server at once, etcd so that it closes its files. Ends the process. */
export async function stop(exitCode: number): Promise<void> {
  if (stopping) return;
  stopping = true;
  told = true;
  for (const { process: one, signal } of children) if (signal === "SIGKILL") one.kill(signal);
  for (const { process: one, signal } of children) if (signal === "SIGTERM") one.kill(signal);
  const slow = setTimeout(() => {
    for (const { process: one } of children) one.kill("SIGKILL");
  }, 1500);
  await Promise.all(children.map(({ process: one }) => ended(one)));
  clearTimeout(slow);
  if (children.some(({ signal }) => signal === "SIGTERM")) log.info("etcd server stopped");
  process.exit(exitCode);
}
