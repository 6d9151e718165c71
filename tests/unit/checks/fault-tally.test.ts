/** The counting of faults: a round that met no fault is none, and too many of them fail the test. */
import { expect, test } from "bun:test";
import { NotMet } from "../../fault/operations.ts";
import { tallyOf } from "../../fault/tally.ts";
import type { Tally } from "../../fault/tally.ts";

const met = async (): Promise<void> => {};
const unmet = async (): Promise<void> => {
  throw new NotMet("not met");
};
const loses = async (): Promise<void> => {
  throw new Error("the cluster is gone");
};

async function after(...rounds: readonly (() => Promise<void>)[]): Promise<Tally> {
  const tally = tallyOf("unit", "counting");
  for (const round of rounds) await tally.round("a round", round);
  return tally;
}

test("close() passes when every round met its fault and survived", async () => {
  const tally = await after(met, met);
  expect(() => tally.close()).not.toThrow();
});

test("close() fails when one round was lost, whatever the others did", async () => {
  const tally = await after(met, loses, met);
  expect(() => tally.close()).toThrow();
});

test("close() bears one round in ten that met no fault, and one beside", async () => {
  const tally = await after(...Array.from({ length: 10 }, () => met), unmet, unmet);
  expect(() => tally.close()).not.toThrow();
});

test("close() fails when more rounds than that met no fault", async () => {
  const tally = await after(...Array.from({ length: 10 }, () => met), unmet, unmet, unmet);
  expect(() => tally.close()).toThrow();
});

test("close() fails when no round met its fault", async () => {
  const tally = await after(unmet);
  expect(() => tally.close()).toThrow();
});

test("round() says false of a loss and of a round that met no fault", async () => {
  const tally = tallyOf("unit", "counting");
  expect(await tally.round("a round", met)).toBe(true);
  expect(await tally.round("a round", unmet)).toBe(false);
  expect(await tally.round("a round", loses)).toBe(false);
});
