/**
 * Faults to order: lines of `/etc/k3s-lab-faults`, or the variable
 * K3S_LAB_FAULTS with `;` between them. Read anew each time, so that a running
 * server takes up a change. The list is in tests/lab/README.md.
 */
import { readFileSync } from "node:fs";

export type FaultName =
  | "save-silent"
  | "save-error"
  | "save-hang"
  | "save-slow"
  | "save-wrong-node"
  | "flip-snapshot"
  | "cut-snapshot"
  | "delete-fails"
  | "start-fails"
  | "slow-start"
  | "no-heartbeat"
  | "not-voter"
  | "reset-die-after"
  | "reset-hang-after"
  | "reset-slow";

/** The argument of a fault that is switched on ("" without one), else undefined. */
export function fault(name: FaultName): string | undefined {
  let file = "";
  try {
    file = readFileSync("/etc/k3s-lab-faults", "utf8");
  } catch {
    // No file, no faults.
  }
  const lines = [...file.split("\n"), ...(process.env["K3S_LAB_FAULTS"] ?? "").split(";")];
  for (const line of lines) {
    const [word, argument = ""] = line.trim().split(/\s+/, 2);
    if (word === name) return argument;
  }
  return undefined;
}

/** `reset-slow N`, `save-slow N`: waits N seconds, or until the switch is off again. */
export async function heldUp(name: "reset-slow" | "save-slow"): Promise<void> {
  const begin = performance.now();
  while (performance.now() - begin < Number(fault(name) ?? 0) * 1000) await Bun.sleep(50);
}

/** Steps of a reset: 1 database moved, 2 snapshot unpacked, 3 flag written, 4 etcd up, 5 before the files are written, 6 after. */
export function dieAtResetStep(step: number): void {
  if (fault("reset-die-after") === String(step)) process.kill(process.pid, "SIGKILL");
  if (fault("reset-hang-after") === String(step)) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  }
}
