/**
 * Power cuts that lose every write not yet synced: the disk forgets what had not
 * reached it, at one instant (tests/lab/power.ts). The server boots again by
 * itself; then an operator goes on, or goes back.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { JOURNAL, isActive } from "../e2e/restore-host.ts";
import { ARCHIVES, PROGRAM } from "../e2e/workload.ts";
import { skipWithoutLab } from "../lab/server.ts";
import {
  backUpAgain,
  benchPlace,
  expectOnlyWholeArchives,
  expectWell,
  recover,
  untilReady,
  wayOf,
} from "./bench.ts";
import { boundariesOf } from "./boundaries.ts";
import { atRandomInstant, durationOf, heldAt } from "./instants.ts";
import { faulty, operationsOf } from "./operations.ts";
import { chanceFor, rounds } from "./seed.ts";
import { tallyOf } from "./tally.ts";
import type { BareServer, Datastore } from "../lab/server.ts";
import type { Bench, BenchPlace, Way } from "./bench.ts";

/** A full run under load; a limit for hangs only. */
const LONG = 4 * 3_600_000;

export function describePowerCuts(datastore: Datastore): void {
  describe.skipIf(skipWithoutLab())(`a power cut on ${datastore}`, () => {
    let place: BenchPlace;
    beforeAll(async () => {
      place = await benchPlace({ datastore, disk: "cuttable" });
    }, 120_000);
    afterAll(() => place[Symbol.asyncDispose]());

    /** Rounds over whatever the draws are; a lost cluster is replaced. */
    async function each<T>(
      fault: string,
      draws: readonly T[],
      action: (draw: T, index: number) => Promise<void>,
    ): Promise<void> {
      const tally = tallyOf("power cut", `${fault}, ${datastore}`);
      for (const [index, draw] of draws.entries()) {
        const survived = await tally.round(`${index + 1} (${JSON.stringify(draw)})`, () =>
          action(draw, index),
        );
        if (!survived) await place.renew();
      }
      tally.close();
    }

    /** Operations drawn beside the instants and boundaries: those are what a power cut is about. */
    const fewer = (): number => Math.ceil(rounds() / 4);
    const some = (): number[] => Array.from({ length: rounds() }, (_, index) => index + 1);
    const cut = (): Promise<void> => cutAndBoot(place.now.server);

    test(
      "loses what was not synced, and keeps what was",
      async () => {
        const { server } = place.now;
        await server.must(
          "echo kept > /root/synced; sync /root/synced /root; echo lost > /root/unsynced",
        );
        await cut();
        expect(server.read("/root/synced")).toBe("kept\n");
        expect(server.exists("/root/unsynced")).toBe(false);
      },
      LONG,
    );

    test(
      "takes a backup whose syncs do nothing: the syncs are what keeps it",
      async () => {
        const { server } = place.now;
        // Nor the advice before it reads back: the kernel writes the data out for that, and a
        // commit of the journal, which comes with etcd's own syncs, would keep the archive.
        const skipped = faulty("backup -q", {
          action: "skip",
          number: 1,
          lasting: true,
          kinds: "sync,advise",
        });
        const path = (await server.must(skipped)).trim();
        await cut();
        expect((await server.run(`${PROGRAM} verify ${path}`)).exitCode).not.toBe(0);
        server.remove(path);
        server.remove(`${path}.json`);
        await untilReady(server);
        await backUpAgain(place.now);
      },
      LONG,
    );

    test(
      "after a backup has said that it is done takes nothing of it",
      async () => {
        await each("after the end of backup", some().slice(0, 5), async () => {
          const { server } = place.now;
          const path = (await server.must(`${PROGRAM} backup -q`)).trim();
          await cut();
          await server.must(`${PROGRAM} verify ${path}`);
          await untilReady(server);
          await backUpAgain(place.now);
        });
      },
      LONG,
    );

    test(
      "in a backup, at random instants: no partial archive, and the next one works",
      async () => {
        const chance = chanceFor(`power backup ${datastore}`);
        const duration = await durationOf(place.now.server, "backup -q");
        await each("in backup at a random instant", some(), async () => {
          const { server } = place.now;
          const options = { duration, chance, fault: cut };
          while ((await atRandomInstant(server, "backup -q", options)) === undefined);
          await expectBackedUp(place.now);
        });
      },
      LONG,
    );

    test(
      "in a backup, at random file operations in its archive folder",
      async () => {
        const operations = await operationsOf(place.now.server, "backup -q");
        const ours = operations.filter(({ path }) => path.startsWith(ARCHIVES));
        const chance = chanceFor(`power backup operations ${datastore}`);
        const numbers = chance.sample(ours, fewer()).map(({ number }) => number);
        await each("in backup at an operation on the archive", numbers, async (number) => {
          await heldAt(place.now.server, "backup -q", { number, fault: cut });
          await expectBackedUp(place.now);
        });
      },
      LONG,
    );

    test(
      "after a restore has said that it is done takes nothing of it",
      async () => {
        await each("after the end of restore", some().slice(0, 5), async () => {
          await place.now.server.must(`${PROGRAM} restore --yes`, { timeout: 240_000 });
          await cut();
          await expectWell(place.now, ["backup"]);
        });
      },
      LONG,
    );

    test(
      "in a restore, on both sides of every step boundary",
      async () => {
        const boundaries = await boundariesOf(place, chanceFor(`power steps ${datastore}`));
        await each("in restore at a step boundary", boundaries, async (boundary, index) => {
          await heldAt(place.now.server, "restore --yes", { ...boundary, fault: cut });
          await expectHeldAndRecover(place.now, wayOf(index));
        });
      },
      LONG,
    );

    test(
      "in a restore, at random file operations",
      async () => {
        const operations = await operationsOf(place.now.server, "restore --yes");
        await expectWell(place.now, ["backup"]);
        const chance = chanceFor(`power restore operations ${datastore}`);
        const numbers = chance.sample(operations, fewer()).map(({ number }) => number);
        await each("in restore at a random operation", numbers, async (number, index) => {
          await heldAt(place.now.server, "restore --yes", { number, fault: cut });
          await expectHeldAndRecover(place.now, wayOf(index));
        });
      },
      LONG,
    );

    test(
      "in a restore, at random instants",
      async () => {
        const chance = chanceFor(`power restore ${datastore}`);
        const duration = await durationOf(place.now.server, "restore --yes");
        await expectWell(place.now, ["backup"]);
        await each("in restore at a random instant", some(), async (_, index) => {
          const { server } = place.now;
          const options = { duration, chance, fault: cut };
          while ((await atRandomInstant(server, "restore --yes", options)) === undefined) {
            await expectWell(place.now, ["backup"]);
          }
          await expectHeldAndRecover(place.now, wayOf(index));
        });
      },
      LONG,
    );
  });
}

async function cutAndBoot(server: BareServer): Promise<void> {
  await server.losePower();
  await server.boot();
  await server.run("systemctl is-system-running --wait");
}

async function expectBackedUp(bench: Bench): Promise<void> {
  await expectOnlyWholeArchives(bench);
  await untilReady(bench.server);
  await backUpAgain(bench);
}

/**
 * After the boot nobody has started K3s while a restore is half done. Its last step, once
 * the restored cluster was checked, takes the guard off before it files the journal away.
 */
async function expectHeldAndRecover(bench: Bench, way: Way): Promise<void> {
  const { server } = bench;
  const journal = server.exists(JOURNAL) ? server.read(JOURNAL) : "";
  const isHalfDone = journal.includes('"step":"aside"') && !journal.includes('"step":"finish"');
  if (isHalfDone && (await isActive(server))) throw new Error("K3s was started on half a restore");
  await recover(bench, way);
}
