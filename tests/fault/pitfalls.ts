/** The fifteen pitfalls of restoring K3s (facts/k3s.md 5), and the counting of those that end as they should. */
import { afterAll, expect, test } from "bun:test";
import { inPlaceOfK3s } from "../e2e/k3s-in-place.ts";
import { authorityOf, leftovers, objectsOf, restore } from "../e2e/restore-host.ts";
import { recordFault } from "./rows.ts";
import type { Backup } from "../e2e/restore-host.ts";
import type { BareServer } from "../lab/server.ts";

/** A snapshot that K3s saved, and its own reset from it. */
export const SNAP = "/root/by-hand.snap";
export const RESET = `k3s server --cluster-reset --cluster-reset-restore-path=${SNAP}`;

interface Pitfall {
  readonly number: number;
  readonly what: string;
  /** The test file that provokes it: `pitfalls-PLACE.test.ts`. */
  readonly place: Place;
}

type Place = "etcd" | "elsewhere";

const TABLE: readonly Pitfall[] = [
  { number: 1, what: "token missing or wrong", place: "etcd" },
  { number: 2, what: "a path given as --token", place: "elsewhere" },
  { number: 3, what: "the datastore is not etcd", place: "elsewhere" },
  { number: 4, what: "not root", place: "etcd" },
  { number: 5, what: "a save that fails in silence, or beside another", place: "etcd" },
  { number: 6, what: "a compressed snapshot", place: "etcd" },
  { number: 7, what: "a snapshot saved on another server", place: "etcd" },
  { number: 8, what: "server: set at the reset", place: "etcd" },
  { number: 9, what: "files newer than the datastore", place: "etcd" },
  { number: 10, what: "peers keep their old database", place: "etcd" },
  { number: 11, what: "node password rejected", place: "elsewhere" },
  { number: 12, what: "old Node objects linger", place: "elsewhere" },
  { number: 13, what: "a reset without a snapshot", place: "etcd" },
  { number: 14, what: "a server removed from its cluster", place: "etcd" },
  { number: 15, what: "an encrypted cluster onto a bare host", place: "elsewhere" },
];

/** Makes the test of a pitfall; its number is counted when it ends well. */
export type Provoke = (number: number, how: string, body: () => Promise<void>) => void;

/** For the test file of a place: after its last test the row is written, and every pitfall of that place has to have had a test. */
export function pitfallsOf(place: Place): Provoke {
  const due = TABLE.filter((one) => one.place === place);
  const begun = new Set<number>();
  const survived = new Set<number>();
  afterAll(() => {
    recordFault({
      family: "pitfalls",
      fault: `pitfalls of k3s.md 5 provoked on a bare server, ${place}: ${due.map(({ number }) => number).join(", ")}`,
      tried: due.length,
      survived: survived.size,
      lost: due.length - survived.size,
    });
    expect([...begun].toSorted((a, b) => a - b)).toEqual(due.map(({ number }) => number));
  });
  return (number, how, body) => {
    const what = due.find((one) => one.number === number)?.what;
    if (what === undefined) throw new Error(`pitfall ${number} is not one of ${place}`);
    test(`${number}, ${what}: ${how}`, async () => {
      begun.add(number);
      survived.delete(number);
      await body();
      survived.add(number);
    }, 300_000);
  };
}

/** Restores, and checks that the cluster of the backup is back. Gives what was said. */
export async function expectRestored(
  server: BareServer,
  flags: string,
  backup: Backup,
): Promise<string> {
  const result = await restore(server, flags);
  expect({ exit: result.exitCode, stderr: result.stderr }).toEqual({
    exit: 0,
    stderr: expect.stringContaining("same CA"),
  });
  expect(await objectsOf(server)).toBe(backup.objects);
  expect(await authorityOf(server)).toBe(backup.authority);
  expect(await leftovers(server)).toBe("");
  return result.stderr;
}

/** What a command says, both ways out, and how it ends. */
export async function says(server: BareServer, command: string): Promise<string> {
  const { exitCode, stdout, stderr } = await server.run(command, { timeout: 120_000 });
  return `exit ${exitCode}: ${stdout}${stderr}`;
}

/** `k3s` writes down its arguments, a line a run, and then does what it ever does. */
export async function recordArguments(server: BareServer): Promise<void> {
  const wrap = await inPlaceOfK3s(server);
  wrap('echo "$*" >> /root/arguments');
}

/** The arguments of the last reset. */
export function lastReset(server: BareServer): string {
  const lines = server.read("/root/arguments").split("\n");
  return lines.findLast((line) => line.includes("--cluster-reset")) ?? "";
}
