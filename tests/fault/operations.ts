/** The file operations of one run of the program, in their order, and the way to let one of them go wrong. */
import { PROGRAM } from "../e2e/workload.ts";
import type { BareServer } from "../lab/server.ts";

const LOG = "/root/operations";

export interface Operation {
  /** From 1, over all threads of the program. */
  readonly number: number;
  readonly kind: string;
  readonly path: string;
}

export interface Order {
  /** An error (`ENOSPC`), `short`, `skip`, `kill`, `hold` (tests/lab/faults). */
  readonly action: string;
  readonly number: number;
  /** Only those whose path has this in it are counted; with `after` the first operation after it goes as ordered. */
  readonly of?: { readonly path: string; readonly after: boolean };
  /** All that come after it too. */
  readonly lasting?: boolean;
  /** Only these kinds are counted; default all. */
  readonly kinds?: string;
}

/** The command line of a run in which one operation goes as ordered. */
export function faulty(args: string, order: Order): string {
  const of = order.of === undefined ? "" : `${order.of.after ? ">" : "@"}${order.of.path}`;
  const when = `'${order.number}${order.lasting === true ? "+" : ""}${of}'`;
  return `/usr/local/lib/k3s-lab/lab-faults ${LOG} ${order.kinds ?? "all"} ${order.action} ${when} -- ${PROGRAM} ${args}`;
}

/** The ordered operation did not come: nothing was tried. */
export class NotMet extends Error {}

/** Numbers move by a few from run to run; the last ones may not come in the next. */
const MOVING = 5;

/**
 * Runs it undisturbed and gives what it did, without the last few operations (the
 * result file, which is only talk). Throws when it fails.
 */
export async function operationsOf(server: BareServer, args: string): Promise<Operation[]> {
  await server.must(faulty(args, { action: "EIO", number: 0 }), { timeout: 240_000 });
  return readOperations(server).slice(0, -MOVING);
}

/** What the last run did. */
export function readOperations(server: BareServer): Operation[] {
  return server.exists(LOG) ? parseOperations(server.read(LOG)) : [];
}

/** The lines of such a log. */
export function parseOperations(log: string): Operation[] {
  return log
    .trim()
    .split("\n")
    .map((line) => {
      const [, number = "0", kind = "", path = ""] =
        /^(\d+) (\w+) (.*?)( <- \w+)?$/.exec(line) ?? [];
      return { number: Number(number), kind, path };
    });
}

/** Whether the ordered operation came in the last run: chance and load move the numbers a little. */
export function wasMet(server: BareServer): boolean {
  return server.exists(LOG) && / <- \w+$/m.test(server.read(LOG));
}

/** Before a run: the log of the one before would be taken for its own. */
export function forgetOperations(server: BareServer): void {
  server.remove(LOG);
}
