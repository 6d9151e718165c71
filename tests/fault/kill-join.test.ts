/** kill -9 of a server that joins a restored one (`restore --peer`), at every step boundary: it ends as a voter, or with its old data. */
import { afterAll, beforeAll, describe, test } from "bun:test";
import { skipWithoutLab } from "../lab/server.ts";
import { wayOf } from "./bench.ts";
import { boundaryText, journalBoundaries } from "./boundaries.ts";
import { heldAt, killing } from "./instants.ts";
import { asBefore, expectJoined, joinBench, joining, recoverJoin } from "./join-bench.ts";
import { operationsOf } from "./operations.ts";
import { FULL, chanceFor, rounds } from "./seed.ts";
import { tallyOf } from "./tally.ts";
import type { JoinBench } from "./join-bench.ts";

/** A full run under load; a limit for hangs only. */
const LONG = 4 * 3_600_000;

describe.skipIf(skipWithoutLab())("kill -9 of a join", () => {
  let bench: JoinBench;
  beforeAll(async () => {
    bench = await joinBench();
  }, 240_000);
  afterAll(() => bench?.[Symbol.asyncDispose]());

  test(
    "on both sides of every step boundary, then --resume or --rollback",
    async () => {
      const tally = tallyOf("kill", "kill -9 of a join (restore --peer) at a step boundary, etcd");
      const chance = chanceFor("kill join steps");
      const { first, later } = journalBoundaries(await operationsOf(bench.peer, joining(bench)));
      await expectJoined(bench);
      const all = [...first, ...later];
      const chosen = rounds() >= FULL ? all : chance.sample(all, rounds());
      for (const [index, boundary] of chosen.entries()) {
        await asBefore(bench);
        const survived = await tally.round(boundaryText(boundary), async () => {
          await heldAt(bench.peer, joining(bench), { ...boundary, fault: killing(chance) });
          await recoverJoin(bench, wayOf(index));
        });
        if (survived) continue;
        await bench[Symbol.asyncDispose]();
        bench = await joinBench();
      }
      tally.close();
    },
    LONG,
  );
});
