/**
 * `make test-faults`: every family of faults, or the ones named (`FAULTS='kill power'`), of their
 * tests all, or those that `FAULT_TESTS` (a pattern) names; then the table. A full run also keeps
 * its figures in the repository, each with the run it is of: all of them take hours, and need not
 * come in one go.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { cpus, release, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { mergeResults, readResults, resultsText } from "./results.ts";
import { readRows } from "./rows.ts";
import { FULL, SEED } from "./seed.ts";
import { pageOf, tableOf } from "./table.ts";
import type { RunFacts } from "./results.ts";

const FOLDER = "tests/fault";
const FIGURES = `${FOLDER}/results.json`;
const PAGE = `${FOLDER}/RESULTS.md`;

process.chdir(new URL("../..", import.meta.url).pathname);

async function main(names: readonly string[]): Promise<boolean> {
  const files = filesOf(names);
  if (files === undefined) return false;
  const inCi = (process.env["CI"] ?? "") !== "";
  const rounds = Number(process.env["FAULT_ROUNDS"] ?? (inCi ? 3 : FULL));
  const folder = mkdtempSync(join(tmpdir(), "railiance-faults-"));
  const file = join(folder, "rows");
  console.log(`FAULT_SEED=${SEED} FAULT_ROUNDS=${rounds} ${files.join(" ")}`);
  const facts = { ...surroundings(), seed: SEED, rounds };
  try {
    const exitCode = await runTests(files, { rounds, file });
    const rows = existsSync(file) ? readRows(file) : [];
    if (rows.length === 0) {
      console.error(`\n${nothingCounted(files)}`);
      return false;
    }
    console.log(`\n${tableOf(rows)}`);
    if (rounds >= FULL) {
      const results = mergeResults(readResults(FIGURES), rows, facts);
      writeFileSync(FIGURES, resultsText(results));
      writeFileSync(PAGE, pageOf(results));
      execFileSync("node_modules/.bin/oxfmt", [FIGURES, PAGE]); // `make check` looks at them too
      console.log(`written: ${PAGE}`);
    }
    return exitCode === 0 && rows.every(({ lost }) => lost === 0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The test files whose names begin with one of the names; all without a name. Says which name fits none. */
function filesOf(names: readonly string[]): string[] | undefined {
  const all = readdirSync(FOLDER)
    .filter((name) => name.endsWith(".test.ts"))
    .toSorted();
  const unknown = names.find((name) => !all.some((one) => one.startsWith(name)));
  if (unknown !== undefined) {
    console.error(`no test of faults begins with "${unknown}"; there are ${all.join(", ")}`);
    return undefined;
  }
  return all
    .filter((one) => names.length === 0 || names.some((name) => one.startsWith(name)))
    .map((one) => `${FOLDER}/${one}`);
}

/** An empty table would look as if nothing was lost. */
function nothingCounted(files: readonly string[]): string {
  const some = process.env["FAULT_TESTS"] ?? "";
  const why =
    some === ""
      ? "every test above was skipped, or failed before its first round"
      : `FAULT_TESTS="${some}" names no test that counts rounds in ${files.join(", ")}`;
  return `nothing was tried: ${why}`;
}

async function runTests(
  files: readonly string[],
  options: { readonly rounds: number; readonly file: string },
): Promise<number> {
  const some = process.env["FAULT_TESTS"] ?? "";
  const argv = [
    process.execPath,
    "test",
    "--timeout=600000",
    "--parallel=2",
    ...(some === "" ? [] : [`--test-name-pattern=${some}`]),
    ...files,
  ];
  const child = Bun.spawn(argv, {
    stdio: ["ignore", "inherit", "inherit"],
    env: {
      ...process.env,
      NO_COLOR: "1",
      FAULT_ROUNDS: String(options.rounds),
      FAULT_SEED: SEED,
      FAULT_ROWS: options.file,
    },
  });
  return await child.exited;
}

function surroundings(): Omit<RunFacts, "seed" | "rounds"> {
  const git = (...args: readonly string[]): string =>
    execFileSync("git", args, { encoding: "utf8" }).trim();
  const dirty = git("status", "--porcelain", "--untracked-files=no") === "" ? "" : ", with changes";
  const memory = Math.round(totalmem() / 2 ** 30);
  const k3s =
    process.env["K3S_BIN"] === undefined
      ? "the lab's stand-in for K3s's own front; etcd, kine, the Kubernetes API server and systemd are real (tests/lab/README.md)"
      : "a real K3s";
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: `${git("rev-parse", "--short=10", "HEAD")}${dirty}`,
    machine: `${cpus().length} cores (${cpus()[0]?.model ?? process.arch}), ${memory} GB memory, Linux ${release()}`,
    restsOn: k3s,
  };
}

process.exit((await main(process.argv.slice(2))) ? 0 : 1);
