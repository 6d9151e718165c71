/** Where runs are cut: a boundary that is left out is a fault that nobody tried. */
import { expect, test } from "bun:test";
import { boundaryText, journalBoundaries, stepsOfBackup } from "../../fault/boundaries.ts";
import { parseOperations } from "../../fault/operations.ts";
import type { Boundary } from "../../fault/boundaries.ts";
import type { Operation } from "../../fault/operations.ts";

const ARCHIVES = "/opt/backup/railiance/cluster";

test("of a backup, every operation in the archive folder is cut on both sides, whatever it is", () => {
  const log = ["create a", "write a", "write a", "write a", "sync a"].map((line) =>
    line.replace(" ", ` ${ARCHIVES}/`),
  );
  expect(stepsOfBackup(operations(log)).map(boundaryText)).toEqual(
    [1, 2, 3, 4, 5].flatMap((number) => [
      `before operation ${number} on ${ARCHIVES}`,
      `after operation ${number} on ${ARCHIVES}`,
    ]),
  );
});

test("of a backup, in the stage the first and the last of a kind in a folder are cut, not what lies between", () => {
  const log = [
    "mkdir /dev/shm/railiance-stage-aaaaaa",
    "write /dev/shm/railiance-stage-aaaaaa/state.db",
    "write /dev/shm/railiance-stage-aaaaaa/state.db",
    "write /dev/shm/railiance-stage-aaaaaa/state.db",
    "write /dev/shm/railiance-stage-aaaaaa/k3s/token",
    "unlink /dev/shm/railiance-stage-aaaaaa/state.db",
  ];
  expect(numbersOf(stepsOfBackup(operations(log)))).toEqual([1, 2, 4, 5, 6]);
});

test("of a restore, its journal is cut where it comes to be, and at each later write", () => {
  const log = [
    "write /var/lib/railiance/cluster/.railiance-tmp-restore.journal-0123",
    "rename /var/lib/railiance/cluster/.railiance-tmp-restore.journal-0123",
    "write /var/lib/railiance/cluster/restore.journal",
    "sync /var/lib/railiance/cluster/restore.journal",
  ];
  const { first, later } = journalBoundaries(operations(log));
  expect([numbersOf(first), numbersOf(later)]).toEqual([
    [1, 2],
    [1, 2],
  ]);
  expect(() => journalBoundaries([])).toThrow("there is no journal");
});

/** As lab-faults writes them down. */
function operations(log: readonly string[]): Operation[] {
  return parseOperations(log.map((line, index) => `${index + 1} ${line}`).join("\n"));
}

/** Of boundaries that stand there on both sides. */
function numbersOf(boundaries: readonly Boundary[]): number[] {
  const before = boundaries.filter(({ of }) => of?.after === false);
  const after = boundaries.filter(({ of }) => of?.after === true);
  const numbers = before.map(({ number }) => number);
  expect(after.map(({ number }) => number)).toEqual(numbers);
  return numbers;
}
