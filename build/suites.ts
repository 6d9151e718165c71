/** The suites of `make test`, in the order in which they find out the most soonest. */
import { readdirSync } from "node:fs";

export interface Suite {
  readonly name: string;
  readonly about: string;
  /** The command that runs it and leaves a JUnit report at the given path. */
  command(junit: string): string[];
}

const BIN = "node_modules/.bin";

/** Folders of tests/unit that cannot run under Deno, and why; all others do. */
const NOT_UNDER_DENO: Readonly<Record<string, string>> = {
  checks: "tests the gates themselves, which run on Bun",
  libc: "the C library is called through Bun",
};

/**
 * How long each file of the parallel suites takes, in ms: the slowest start first, or a suite ends
 * with one file that runs alone. `UPDATE_TIMINGS=1 make test` writes it anew.
 */
const TIMINGS = "build/timings.json";

/** `parallel`: files at the same time, each in a process of its own; for suites that mostly wait for servers. */
function bunTest(path: string, timeout: number, parallel = 1): Suite["command"] {
  return (junit) => [
    process.execPath,
    "test",
    path,
    `--timeout=${timeout}`,
    ...(parallel === 1 ? [] : inParallel(parallel)),
    "--reporter=junit",
    `--reporter-outfile=${junit}`,
  ];
}

function inParallel(count: number): string[] {
  const update = process.env["UPDATE_TIMINGS"] === "1" ? ["--update-timings"] : [];
  return [`--parallel=${count}`, `--timings=${TIMINGS}`, ...update];
}

function denoTest(junit: string): string[] {
  const folders = readdirSync("tests/unit").filter((folder) => !(folder in NOT_UNDER_DENO));
  return [
    `${BIN}/deno`,
    "test",
    "--no-check",
    "--no-lock",
    "--allow-all",
    "--import-map=tests/deno/import-map.json",
    `--junit-path=${junit}`,
    ...folders.map((folder) => `tests/unit/${folder}`),
  ];
}

export const SUITES: readonly Suite[] = [
  { name: "unit", about: "every part on its own", command: bunTest("tests/unit", 20_000) },
  { name: "deno", about: "the same under Deno", command: denoTest },
  { name: "cli", about: "the program as a child process", command: bunTest("tests/cli", 60_000) },
  {
    name: "interop",
    about: "against age, sops, rage, zstd and tar",
    command: bunTest("tests/interop", 120_000),
  },
  {
    name: "conformance",
    about: "the lab's k3s against what K3s was seen to do",
    command: bunTest("tests/lab/conformance", 300_000, 3),
  },
  {
    name: "e2e",
    about: "backup and restore on bare servers",
    command: bunTest("tests/e2e", 600_000, 3),
  },
  {
    name: "faults",
    about: "kills, power cuts, failing disks, damage: some of each (all: make test-faults)",
    command: bunTest("tests/fault", 600_000, 3),
  },
  {
    name: "ha",
    about: "databases and proxies that fail over (20 times: make test-ha)",
    command: bunTest("tests/ha", 600_000),
  },
  {
    name: "large",
    about: "memory with a snapshot of 1 GiB",
    command: bunTest("tests/large", 1_200_000),
  },
];
