/** One row of the table of `make test-faults`: what was tried, and how it ended. */
import { appendFileSync, readFileSync } from "node:fs";

export interface FaultRow {
  /** Heading in the table: `kill`, `power cut`, `disk errors`, `corruption`, `pitfalls`, `verifier`, `old archives`. */
  readonly family: string;
  /** What was done, in a phrase: "kill -9 at each step of a restore, then --resume". */
  readonly fault: string;
  readonly tried: number;
  /** Ended as promised. */
  readonly survived: number;
  /** A cluster lost, a partial file selectable, plaintext left, damage accepted. */
  readonly lost: number;
}

/** Adds a row to the file that FAULT_ROWS names; without it (a single test run by hand) nothing is kept. */
export function recordFault(row: FaultRow): void {
  const file = process.env["FAULT_ROWS"];
  if (file !== undefined && file !== "") appendFileSync(file, `${JSON.stringify(row)}\n`);
}

/** The rows of such a file, in the order of their writing. Throws on a line that is none. */
export function readRows(file: string): FaultRow[] {
  const lines = readFileSync(file, "utf8").trim();
  return lines === "" ? [] : lines.split("\n").map(parseRow);
}

function parseRow(line: string): FaultRow {
  const value: unknown = JSON.parse(line);
  if (typeof value !== "object" || value === null) throw new Error(`not a row: ${line}`);
  const text = (name: string): string => String(Reflect.get(value, name));
  const number = (name: string): number => Number(Reflect.get(value, name));
  return {
    family: text("family"),
    fault: text("fault"),
    tried: number("tried"),
    survived: number("survived"),
    lost: number("lost"),
  };
}
