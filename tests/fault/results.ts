/** The figures of full runs, as they are kept in the repository: each row with the run that it is of. */
import { existsSync, readFileSync } from "node:fs";
import * as v from "valibot";
import type { FaultRow } from "./rows.ts";

/** How a run came about: what a reader has to know to weigh its figures, or to repeat it. */
export interface RunFacts {
  /** Day, UTC. */
  readonly date: string;
  readonly commit: string;
  readonly seed: string;
  readonly rounds: number;
  readonly machine: string;
  /** What was under test beside our program. */
  readonly restsOn: string;
}

export type FaultResult = FaultRow & { readonly run: RunFacts };

const SCHEMA = v.array(
  v.object({
    family: v.string(),
    fault: v.string(),
    tried: v.number(),
    survived: v.number(),
    lost: v.number(),
    run: v.object({
      date: v.string(),
      commit: v.string(),
      seed: v.string(),
      rounds: v.number(),
      machine: v.string(),
      restsOn: v.string(),
    }),
  }),
);

/** What is kept so far; nothing yet when there is no such file. Throws for a file that is something else. */
export function readResults(file: string): FaultResult[] {
  return existsSync(file) ? v.parse(SCHEMA, JSON.parse(readFileSync(file, "utf8"))) : [];
}

/** The rows of a run take the place of older rows of the same fault; the others stay as they are. */
export function mergeResults(
  kept: readonly FaultResult[],
  rows: readonly FaultRow[],
  run: RunFacts,
): FaultResult[] {
  const key = ({ family, fault }: FaultRow): string => `${family}\n${fault}`;
  const anew = new Set(rows.map(key));
  return [...kept.filter((row) => !anew.has(key(row))), ...rows.map((row) => ({ ...row, run }))];
}

export function resultsText(results: readonly FaultResult[]): string {
  return `${JSON.stringify(results, undefined, 2)}\n`;
}
