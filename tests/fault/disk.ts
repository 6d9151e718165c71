/**
 * A disk that fails at any one file operation of a run, or from one of them on:
 * full, read-only, broken, writing only half. Only our program meets it, not K3s.
 */
import { afterAll, beforeAll, describe, test } from "bun:test";
import { EXIT } from "../../src/errors.ts";
import { JOURNAL, STATE } from "../e2e/restore-host.ts";
import { ARCHIVES, PROGRAM } from "../e2e/workload.ts";
import { skipWithoutLab } from "../lab/server.ts";
import {
  backUpAgain,
  benchPlace,
  expectNothingLeft,
  expectOnlyWholeArchives,
  expectWell,
  recover,
} from "./bench.ts";
import { NotMet, faulty, forgetOperations, operationsOf, wasMet } from "./operations.ts";
import { drawn, lasting, single } from "./disk-cases.ts";
import { FULL, chanceFor, rounds } from "./seed.ts";
import { tallyOf } from "./tally.ts";
import type { BareServer, CommandResult, Datastore } from "../lab/server.ts";
import type { Bench, BenchPlace } from "./bench.ts";
import type { Case } from "./disk-cases.ts";
import type { Operation } from "./operations.ts";

/** A full run under load; a limit for hangs only. */
const LONG = 4 * 3_600_000;

/** A fault that was not met would count as survived. */
async function runBadly(server: BareServer, args: string, one: Case): Promise<CommandResult> {
  forgetOperations(server);
  const result = await server.run(faulty(args, one), { timeout: 240_000 });
  if (!wasMet(server)) throw new NotMet(`the fault was not met: ${result.stderr}`);
  return result;
}

export function describeDiskErrors(datastore: Datastore): void {
  describe.skipIf(skipWithoutLab())(`a failing disk on ${datastore}`, () => {
    let place: BenchPlace;
    beforeAll(async () => {
      place = await benchPlace({ datastore });
    }, 120_000);
    afterAll(() => place[Symbol.asyncDispose]());

    async function each(
      fault: string,
      cases: readonly Case[],
      action: (bench: Bench, one: Case) => Promise<void>,
    ): Promise<void> {
      const tally = tallyOf("disk errors", `${fault}, ${datastore}`);
      for (const one of cases) {
        const survived = await tally.round(one.about, () => action(place.now, one));
        if (!survived) await place.renew();
      }
      tally.close();
    }

    test(
      "at any one operation of a backup",
      async () => {
        const cases = single(await operationsOf(place.now.server, "backup -q"));
        const count = rounds() >= FULL ? cases.length : 3 * rounds();
        const chosen = chanceFor(`disk backup ${datastore}`).sample(cases, count);
        await each("one failed operation of backup", chosen, backUpBadly);
      },
      LONG,
    );

    test(
      "from any operation of a backup on",
      async () => {
        const cases = lasting(await operationsOf(place.now.server, "backup -q"));
        const chosen = chanceFor(`disk gone backup ${datastore}`).sample(cases, rounds());
        await each("a disk that stays full or read-only in backup", chosen, backUpBadly);
      },
      LONG,
    );

    test(
      "at any one operation of a restore",
      async () => {
        const operations = await operationsOf(place.now.server, "restore --yes");
        await expectWell(place.now, ["backup"]);
        const chance = chanceFor(`disk restore ${datastore}`);
        const cases = drawn(operations, { chance });
        const count = rounds() >= FULL ? cases.length : 2 * rounds();
        const chosen = chance.sample(cases, count);
        await each("one failed operation of restore", chosen, restoreBadly);
      },
      LONG,
    );

    test(
      "at any one operation of the end of a restore",
      async () => {
        const operations = await operationsOf(place.now.server, "restore --yes");
        await expectWell(place.now, ["backup"]);
        const chance = chanceFor(`disk end ${datastore}`);
        const cases = drawn(operations, { chance, first: endOf(operations) });
        const count = rounds() >= FULL ? cases.length : rounds();
        const chosen = chance.sample(cases, count);
        await each("one failed operation of the end of restore", chosen, restoreBadly);
      },
      LONG,
    );

    test(
      "from any operation of a restore on",
      async () => {
        const operations = await operationsOf(place.now.server, "restore --yes");
        await expectWell(place.now, ["backup"]);
        const chosen = chanceFor(`disk gone restore ${datastore}`).sample(
          lasting(operations),
          rounds(),
        );
        await each("a disk that stays full or read-only in restore", chosen, restoreBadly);
      },
      LONG,
    );
  });
}

/** Where the end of a restore begins: with the journal's line that the check has passed, the last but one. */
function endOf(operations: readonly Operation[]): number {
  const lines = operations.flatMap(({ kind, path }, index) =>
    kind === "write" && path === JOURNAL ? [index] : [],
  );
  const first = lines.at(-2);
  if (first === undefined) throw new Error("the restore wrote no journal");
  return first;
}

async function backUpBadly(bench: Bench, one: Case): Promise<void> {
  const { server } = bench;
  const before = await server.must(`ls ${ARCHIVES}`);
  const result = await runBadly(server, "backup -q", one);
  requireSentence(result);
  const written = result.exitCode === 0 || result.exitCode === EXIT.partial;
  if (!written && one.lasting !== true) {
    // Under a name of its own there is nothing new.
    const after = await server.must(`ls ${ARCHIVES}`);
    if (after !== before) throw new Error(`it failed, but left ${after}: ${result.stderr}`);
    if (one.kind !== "unlink") return await expectNothingLeft(bench);
  }
  if (written) await server.must(`${PROGRAM} verify ${result.stdout.trim()}`);
  await expectOnlyWholeArchives(bench);
  await backUpAgain(bench);
}

async function restoreBadly(bench: Bench, one: Case): Promise<void> {
  const { server } = bench;
  const result = await runBadly(server, "restore --yes", one);
  requireSentence(result);
  await requireFit(server, result);
  if (server.exists(JOURNAL)) {
    if (result.exitCode === 0) throw new Error("it ended well, and its journal is still there");
    if (!/restore --(rollback|resume)/.test(result.stderr)) {
      throw new Error(`a journal is there, and nobody says what to do: ${result.stderr}`);
    }
    const ended = NOT_ENDED.test(result.stderr);
    const goneBack = server.read(JOURNAL).includes('"type":"rollback"');
    const back = goneBack || (one.number % 2 === 0 && !ended);
    await recover(bench, back ? "--rollback" : "--resume");
    return;
  }
  // A folder that could not be removed is removed at the next start.
  if (one.kind === "unlink" || one.lasting === true) {
    await server.must(`${PROGRAM} restore --plan`);
  }
  await expectWell(bench, [result.exitCode === 0 ? "backup" : "before"]);
}

const NOT_ENDED = /error: restored and checked, but could not end: /;

/** What has passed its check is never undone, and what is said is so by the journal, wherever that lies by now. */
async function requireFit(server: BareServer, { exitCode, stderr }: CommandResult): Promise<void> {
  const { stdout: journal } = await server.run(
    `cat ${JOURNAL} ${STATE}/restore-*/journal 2>/dev/null`,
  );
  const passed = journal.includes('"type":"done","step":"check"');
  const undone = journal.includes('"type":"rollback"');
  const isOver = !server.exists(JOURNAL);
  if (undone && (passed || NOT_ENDED.test(stderr))) {
    throw new Error(`a restore that had passed its check was undone: ${stderr}`);
  }
  if (passed && exitCode !== 0 && !NOT_ENDED.test(stderr)) {
    throw new Error(`it had passed its check, and it says something else: ${stderr}`);
  }
  if (undone && isOver && !stderr.includes("what ran before runs again")) {
    throw new Error(`it went back, and does not say so: ${stderr}`);
  }
}

/** An exit code of the table, and one sentence when it is not 0. */
function requireSentence({ exitCode, stderr }: CommandResult): void {
  const codes: readonly number[] = Object.values(EXIT);
  const sentences = stderr.split("\n").filter((line) => line.startsWith("error: "));
  const failed = exitCode !== 0 && exitCode !== EXIT.partial;
  if (codes.includes(exitCode) && sentences.length === (failed ? 1 : 0)) {
    if (!stderr.includes("this is a fault in")) return;
  }
  throw new Error(`exit ${exitCode}: ${stderr}`);
}
