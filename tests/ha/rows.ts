/** One row of the table of `make test-ha`: a drill that ran, with what it measured. */
import { appendFileSync, readFileSync } from "node:fs";

export interface DrillRow {
  readonly name: string;
  /** Milliseconds. */
  readonly window: number;
  /** Milliseconds; null when service did not come back, or nothing was killed. */
  readonly gap: number | null;
  readonly acknowledged: number;
  /** Null: not counted. */
  readonly lost: number | null;
  readonly verdict: string;
}

/** Adds a row out of the fields of `ha drill --json` to the file that HA_ROWS names; without it nothing is kept. */
export function recordDrill(input: {
  readonly name: string;
  readonly result: Readonly<Record<string, unknown>>;
}): void {
  const file = process.env["HA_ROWS"];
  if (file === undefined || file === "") return;
  const { result } = input;
  const row = {
    name: input.name,
    window: result["window_ms"],
    gap: result["unavailable_ms"],
    acknowledged: result["acked"],
    lost: result["lost_acked"],
    verdict: result["verdict"],
  };
  appendFileSync(file, `${JSON.stringify(row)}\n`);
}

/** The rows of such a file, in the order of their writing. */
export function readDrillRows(file: string): DrillRow[] {
  const lines = readFileSync(file, "utf8").trim();
  return lines === "" ? [] : lines.split("\n").map(parseRow);
}

function parseRow(line: string): DrillRow {
  const value: unknown = JSON.parse(line);
  if (typeof value !== "object" || value === null) throw new Error(`not a row: ${line}`);
  const number = (name: string): number | null => {
    const found: unknown = Reflect.get(value, name);
    return typeof found === "number" ? found : null;
  };
  return {
    name: String(Reflect.get(value, "name")),
    window: number("window") ?? 0,
    gap: number("gap"),
    acknowledged: number("acknowledged") ?? 0,
    lost: number("lost"),
    verdict: String(Reflect.get(value, "verdict")),
  };
}
