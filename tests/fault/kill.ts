/** kill -9 of a backup and of a restore, anywhere: nothing lost, nothing half done, nothing secret left. */
import { afterAll, beforeAll, describe, test } from "bun:test";
import { skipWithoutLab } from "../lab/server.ts";
import {
  backUpAgain,
  benchPlace,
  expectOnlyWholeArchives,
  expectWell,
  recover,
  wayOf,
} from "./bench.ts";
import { atRandomInstant, durationOf, heldAt, killing } from "./instants.ts";
import { operationsOf } from "./operations.ts";
import { chanceFor, rounds } from "./seed.ts";
import { tallyOf } from "./tally.ts";
import type { Datastore } from "../lab/server.ts";
import type { BenchPlace } from "./bench.ts";
import type { Order } from "./operations.ts";
import type { Chance } from "./seed.ts";

/** A full run under load; a limit for hangs only. */
const LONG = 4 * 3_600_000;

export function describeKills(datastore: Datastore): void {
  describe.skipIf(skipWithoutLab())(`kill -9 on ${datastore}`, () => {
    let place: BenchPlace;
    beforeAll(async () => {
      place = await benchPlace({ datastore });
    }, 120_000);
    afterAll(() => place[Symbol.asyncDispose]());

    test(
      "of a backup at random instants: no partial archive, and the next one works",
      async () => {
        const chance = chanceFor(`kill backup ${datastore}`);
        const tally = tallyOf("kill", `kill -9 of backup at a random instant, ${datastore}`);
        const duration = await durationOf(place.now.server, "backup -q");
        for (let round = 1; round <= rounds(); round += 1) {
          const survived = await tally.round(`round ${round}`, async () => {
            const bench = place.now;
            const fault = killing(chance);
            while (
              (await atRandomInstant(bench.server, "backup -q", { duration, chance, fault })) ===
              undefined
            );
            await expectOnlyWholeArchives(bench);
            await backUpAgain(bench);
          });
          if (!survived) await place.renew();
        }
        tally.close();
      },
      LONG,
    );

    test(
      "of a restore on both sides of every step boundary, then --resume or --rollback",
      async () => {
        const tally = tallyOf("kill", `kill -9 of restore at a step boundary, ${datastore}`);
        const chance = chanceFor(`kill steps ${datastore}`);
        const boundaries = await boundariesOf(place, chance);
        for (const [index, boundary] of boundaries.entries()) {
          const survived = await tally.round(boundaryText(boundary), async () => {
            const bench = place.now;
            await heldAt(bench.server, "restore --yes", { ...boundary, fault: killing(chance) });
            await recover(bench, wayOf(index));
          });
          if (!survived) await place.renew();
        }
        tally.close();
      },
      LONG,
    );

    test(
      "of a restore at random instants, then --resume and --rollback in turn",
      async () => {
        const chance = chanceFor(`kill restore ${datastore}`);
        const tally = tallyOf("kill", `kill -9 of restore at a random instant, ${datastore}`);
        const duration = await durationOf(place.now.server, "restore --yes");
        await expectWell(place.now, ["backup"]);
        for (let round = 1; round <= rounds(); round += 1) {
          const survived = await tally.round(`round ${round}`, async () => {
            const bench = place.now;
            const fault = killing(chance);
            while (
              (await atRandomInstant(bench.server, "restore --yes", {
                duration,
                chance,
                fault,
              })) === undefined
            ) {
              await expectWell(bench, ["backup"]);
            }
            await recover(bench, wayOf(round));
          });
          if (!survived) await place.renew();
        }
        tally.close();
      },
      LONG,
    );
  });
}

/** The journal, and the file it is written as before it gets its name. */
const JOURNALS = ["/restore.journal", "/.railiance-tmp-restore.journal"] as const;

export type Boundary = Pick<Order, "number" | "of">;

/**
 * Before each write and each sync of the journal, and after it; in a short run
 * only some of them, but always those where the journal comes to be.
 */
export async function boundariesOf(place: BenchPlace, chance: Chance): Promise<Boundary[]> {
  const operations = await operationsOf(place.now.server, "restore --yes");
  await expectWell(place.now, ["backup"]);
  const [later, first] = JOURNALS.map((path) => {
    const count = operations.filter((one) => one.path.includes(path)).length;
    return Array.from({ length: count }, (_, index) => [
      { number: index + 1, of: { path, after: false } },
      { number: index + 1, of: { path, after: true } },
    ]).flat();
  });
  if (first?.[0] === undefined || later?.[0] === undefined) throw new Error("there is no journal");
  return [...first, ...chance.sample(later, rounds())];
}

/** In words. */
export function boundaryText({ number, of }: Boundary): string {
  return `${of?.after === true ? "after" : "before"} operation ${number} on ${of?.path ?? ""}`;
}
