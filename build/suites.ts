/** The suites of `make test`, in the order in which they find out the most soonest. */
import { existsSync } from "node:fs";

export interface Suite {
  readonly name: string;
  readonly about: string;
  /** The command that runs it and leaves a JUnit report at the given path. */
  command(junit: string): string[];
}

const BIN = "node_modules/.bin";

/** Folders whose tests also run under Deno: everything that is not bound to Bun's own API. */
const DENO_FOLDERS = ["archive", "datastore", "keys", "k3s", "helm", "assets", "app", "cli", "sys"];

function bunTest(path: string, timeout: number): Suite["command"] {
  return (junit) => [
    process.execPath,
    "test",
    path,
    `--timeout=${timeout}`,
    "--reporter=junit",
    `--reporter-outfile=${junit}`,
  ];
}

function denoTest(junit: string): string[] {
  return [
    `${BIN}/deno`,
    "test",
    "--no-check",
    "--no-lock",
    "--allow-all",
    "--import-map=tests/deno/import-map.json",
    `--junit-path=${junit}`,
    ...DENO_FOLDERS.map((folder) => `tests/unit/${folder}`).filter((path) => existsSync(path)),
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
    command: bunTest("tests/lab/conformance", 300_000),
  },
  {
    name: "e2e",
    about: "backup and restore on bare servers",
    command: bunTest("tests/e2e", 600_000),
  },
];
