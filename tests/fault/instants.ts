/** Doing something to a run at a given instant of it, or at one of its file operations. */
import { readlinkSync } from "node:fs";
import { PROGRAM } from "../e2e/workload.ts";
import { descendants, kill } from "../lab/command.ts";
import { NotMet, faulty, forgetOperations, wasMet } from "./operations.ts";
import type { BareServer } from "../lab/server.ts";
import type { Order } from "./operations.ts";
import type { Chance } from "./seed.ts";

/** Milliseconds that an undisturbed run takes; throws when it fails. */
export async function durationOf(server: BareServer, args: string): Promise<number> {
  const started = performance.now();
  await server.must(`${PROGRAM} ${args}`, { timeout: 240_000 });
  return performance.now() - started;
}

/** Does something to a run; gives false when it had ended before. */
export type Fault = (pid: number) => Promise<void>;

/**
 * Starts the program and does `fault` at an instant drawn evenly over
 * `duration`; draws again when the run was over before. Gives what was done, in words.
 */
export async function atRandomInstant(
  server: BareServer,
  args: string,
  options: { readonly duration: number; readonly chance: Chance; readonly fault: Fault },
): Promise<string | undefined> {
  const instant = options.chance.next() * options.duration;
  const running = server.start(`exec ${PROGRAM} ${args}`, { timeout: 240_000 });
  let over = false;
  const done = running.done.finally(() => {
    over = true;
  });
  const begun = performance.now();
  let pid = 0;
  await until("the program", () => {
    pid = descendants(running.pid).find(isProgram) ?? 0;
    return pid !== 0 || over;
  });
  await Bun.sleep(Math.max(0, instant - (performance.now() - begun)));
  if (over) {
    await done;
    return undefined;
  }
  await options.fault(pid);
  await done;
  return `after ${Math.round(instant)} of ${Math.round(options.duration)} ms`;
}

/**
 * Stops the program for ever at one of its file operations, before it happens, and
 * then does `fault`. Throws `NotMet` when it ended without having come there.
 */
export async function heldAt(
  server: BareServer,
  args: string,
  options: Pick<Order, "number" | "of"> & { readonly fault: Fault },
): Promise<void> {
  forgetOperations(server);
  const { fault, ...where } = options;
  const running = server.start(`exec ${faulty(args, { action: "hold", ...where })}`, {
    timeout: 240_000,
  });
  let over = false;
  const done = running.done.finally(() => {
    over = true;
  });
  await until("the operation", () => over || wasMet(server));
  if (!wasMet(server)) throw new NotMet(`it ended before operation ${where.number}`);
  await fault(descendants(running.pid).find(isProgram) ?? 0);
  await done;
}

/** kill -9 of the program alone, or of all that it has started too. K3s itself is systemd's. */
export function killing(chance: Chance): Fault {
  return (pid) => {
    const others = chance.next() < 0.5 ? descendants(pid) : [];
    for (const one of [pid, ...others]) kill(one, "SIGKILL");
    return Promise.resolve();
  };
}

/** Milliseconds; as long as a run may take on a busy machine. */
const LIMIT = 240_000;

async function until(what: string, check: () => boolean): Promise<void> {
  const begun = performance.now();
  while (!check()) {
    if (performance.now() - begun > LIMIT) throw new Error(`never came: ${what}`);
    await Bun.sleep(5);
  }
}

function isProgram(pid: number): boolean {
  try {
    return readlinkSync(`/proc/${pid}/exe`) === PROGRAM;
  } catch {
    return false; // Gone already.
  }
}
