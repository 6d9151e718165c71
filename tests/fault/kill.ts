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
import { backupBoundariesOf, boundariesOf, boundaryText } from "./boundaries.ts";
import { atRandomInstant, durationOf, heldAt, killing } from "./instants.ts";
import { chanceFor, rounds } from "./seed.ts";
import { tallyOf } from "./tally.ts";
import type { Datastore } from "../lab/server.ts";
import type { BenchPlace } from "./bench.ts";

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
      "of a backup on both sides of every step boundary: no partial archive, and the next one works",
      async () => {
        const tally = tallyOf("kill", `kill -9 of backup at a step boundary, ${datastore}`);
        const chance = chanceFor(`kill backup steps ${datastore}`);
        for (const boundary of await backupBoundariesOf(place, chance)) {
          const survived = await tally.round(boundaryText(boundary), async () => {
            const bench = place.now;
            await heldAt(bench.server, "backup -q", { ...boundary, fault: killing(chance) });
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
