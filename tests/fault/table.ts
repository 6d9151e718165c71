/** The table of `make test-faults`, for a terminal and for the repository. */
import type { FaultResult, RunFacts } from "./results.ts";
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

/** The page for the repository: the table, and the runs that its rows are of. */
export function pageOf(results: readonly FaultResult[]): string {
  const runs = new Map(results.map(({ run }) => [runText(run), run]));
  return `# Faults: figures

Written by \`make test-faults\` from \`results.json\`; do not edit. "Lost" counts a cluster that was neither as in the backup nor as
before, a partial archive that could be chosen, plaintext or a secret left, damage accepted, a wrong exit code or no plain sentence.
"One failed operation": of a backup each file operation with each error that a disk can give for it, of a restore each operation once,
with an error drawn for it.

${tableOf(results)}
${[...runs]
  .map(
    ([text, run]) =>
      `- ${text}: ${familiesOf(results, run)}. ${run.machine}. Rests on ${run.restsOn}.`,
  )
  .join("\n")}
`;
}

function runText({ date, commit, seed, rounds }: RunFacts): string {
  return `${date}, commit ${commit}, \`FAULT_SEED=${seed}\`, \`FAULT_ROUNDS=${rounds}\``;
}

function familiesOf(results: readonly FaultResult[], run: RunFacts): string {
  const rows = results.filter((row) => runText(row.run) === runText(run));
  return [...new Set(rows.map(({ family }) => family))]
    .toSorted((a, b) => rank(a) - rank(b))
    .join(", ");
}

function rank(family: string): number {
  const at = FAMILIES.indexOf(family);
  return at === -1 ? FAMILIES.length : at;
}

function pad(text: string, options: { readonly width: number; readonly right: boolean }): string {
  return options.right ? text.padStart(options.width) : text.padEnd(options.width);
}
