/** Where one step of a run ends and the next begins, as file operations at which it can be stopped. */
import { ARCHIVES } from "../e2e/workload.ts";
import { DATA, STATE } from "../e2e/restore-host.ts";
import { expectWell } from "./bench.ts";
import { operationsOf } from "./operations.ts";
import { FULL, rounds } from "./seed.ts";
import type { BenchPlace } from "./bench.ts";
import type { Operation, Order } from "./operations.ts";
import type { Chance } from "./seed.ts";

export type Boundary = Pick<Order, "number" | "of">;

/** The journal, and the file it is written as before it gets its name. */
const JOURNALS = ["/restore.journal", "/.railiance-tmp-restore.journal"] as const;

/**
 * Before each write and each sync of a restore's journal, and after it; in a short run
 * only some of them, but always those where the journal comes to be.
 */
export async function boundariesOf(place: BenchPlace, chance: Chance): Promise<Boundary[]> {
  const operations = await operationsOf(place.now.server, "restore --yes");
  await expectWell(place.now, ["backup"]);
  const { first, later } = journalBoundaries(operations);
  return [...first, ...chance.sample(later, rounds())];
}

/** Where a journal comes to be, and all later writes and syncs of it. Throws when there was none. */
export function journalBoundaries(operations: readonly Operation[]): {
  readonly first: Boundary[];
  readonly later: Boundary[];
} {
  const [later, first] = JOURNALS.map((path) => {
    const count = operations.filter((one) => one.path.includes(path)).length;
    return Array.from({ length: count }, (_, index) => bothSides(path, index + 1)).flat();
  });
  if (first?.[0] === undefined || later?.[0] === undefined) throw new Error("there is no journal");
  return { first, later };
}

/** What a backup writes to; numbers are counted in each apart, for those over all move with load. */
const PLACES = [
  ARCHIVES,
  "/railiance-stage-",
  `${DATA}/server/db/`,
  "/cluster.lock",
  STATE,
  "/var/lib/railiance/results",
];

/** In a full run all of `stepsOfBackup`, otherwise some. */
export async function backupBoundariesOf(place: BenchPlace, chance: Chance): Promise<Boundary[]> {
  const all = stepsOfBackup(await operationsOf(place.now.server, "backup -q"));
  return rounds() >= FULL ? all : chance.sample(all, rounds());
}

/**
 * Both sides of each operation in the archive folder; elsewhere (the lock, the stage and each
 * folder in it, copies of the database) both sides of the first and of the last operation of each
 * kind: all that lies between is more of the same.
 */
export function stepsOfBackup(operations: readonly Operation[]): Boundary[] {
  return PLACES.flatMap((place) => {
    const there = operations.filter(({ path }) => path.includes(place));
    const classes = there.map((one) => classOf(one, place));
    return classes.flatMap((name, index) => {
      const ends = classes.indexOf(name) === index || classes.lastIndexOf(name) === index;
      return place === ARCHIVES || ends ? bothSides(place, index + 1) : [];
    });
  });
}

/** The kind, and which of the stage's folders, whose own name is another in each run. */
function classOf({ kind, path }: Operation, place: string): string {
  const [, inside = ""] = path.slice(path.indexOf(place) + place.length).split("/");
  return `${kind} ${inside}`;
}

function bothSides(path: string, number: number): Boundary[] {
  return [false, true].map((after) => ({ number, of: { path, after } }));
}

/** In words. */
export function boundaryText({ number, of }: Boundary): string {
  return `${of?.after === true ? "after" : "before"} operation ${number} on ${of?.path ?? ""}`;
}
