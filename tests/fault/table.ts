/** The table of `make test-faults`, for a terminal and for the repository. */
import type { FaultRow } from "./rows.ts";

const FAMILIES = [
  "kill",
  "power cut",
  "disk errors",
  "corruption",
  "verifier",
  "pitfalls",
  "old archives",
];

/** How a run came about: what a reader has to know to weigh its figures, or to repeat it. */
export interface RunFacts {
  /** ISO 8601. */
  readonly date: string;
  readonly commit: string;
  readonly seed: string;
  readonly rounds: number;
  readonly machine: string;
  readonly minutes: number;
  /** What was under test beside our program. */
  readonly restsOn: string;
}

/** A Markdown table, families in their order and the sum at its end; it reads well on a terminal too. */
export function tableOf(rows: readonly FaultRow[]): string {
  const sum = (pick: (row: FaultRow) => number): number =>
    rows.reduce((total, row) => total + pick(row), 0);
  const total: FaultRow = {
    family: "all",
    fault: "",
    tried: sum((row) => row.tried),
    survived: sum((row) => row.survived),
    lost: sum((row) => row.lost),
  };
  const sorted = rows.toSorted(
    (a, b) => rank(a.family) - rank(b.family) || a.fault.localeCompare(b.fault),
  );
  const cells = [...sorted, total].map((row) => [
    row.family,
    row.fault,
    String(row.tried),
    String(row.survived),
    String(row.lost),
  ]);
  const heads = ["Family", "Fault", "Tried", "Survived", "Lost"];
  const widths = heads.map((head, at) =>
    Math.max(head.length, ...cells.map((row) => (row[at] ?? "").length)),
  );
  const line = (row: readonly string[]): string =>
    `| ${row.map((text, at) => pad(text, { width: widths[at] ?? 0, right: at > 1 })).join(" | ")} |`;
  const rule = widths.map((width, at) =>
    at > 1 ? `${"-".repeat(width - 1)}:` : "-".repeat(width),
  );
  return `${[line(heads), line(rule), ...cells.map(line)].join("\n")}\n`;
}

/** The page for the repository. */
export function pageOf(rows: readonly FaultRow[], facts: RunFacts): string {
  return `# Faults: figures

Written by \`make test-faults\`; do not edit. "Lost" counts a cluster that was neither as in the backup nor as before, a
partial archive that could be chosen, plaintext or a secret left, damage accepted, a wrong exit code or no plain sentence.

| | |
|---|---|
| Date | ${facts.date} |
| Commit | ${facts.commit} |
| Seed | \`FAULT_SEED=${facts.seed}\` |
| Random instants a test | \`FAULT_ROUNDS=${facts.rounds}\` |
| Machine | ${facts.machine} |
| Took | ${facts.minutes} minutes |
| Rests on | ${facts.restsOn} |

${tableOf(rows)}`;
}

function rank(family: string): number {
  const at = FAMILIES.indexOf(family);
  return at === -1 ? FAMILIES.length : at;
}

function pad(text: string, options: { readonly width: number; readonly right: boolean }): string {
  return options.right ? text.padStart(options.width) : text.padEnd(options.width);
}
