/** `make test-faults`: every family of faults, then the table; a full run also writes it into the repository. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, release, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { readRows } from "./rows.ts";
import { FULL, SEED } from "./seed.ts";
import { pageOf, tableOf } from "./table.ts";

const RESULTS = "tests/fault/RESULTS.md";

process.chdir(new URL("../..", import.meta.url).pathname);

async function main(): Promise<boolean> {
  const inCi = (process.env["CI"] ?? "") !== "";
  const rounds = Number(process.env["FAULT_ROUNDS"] ?? (inCi ? 3 : FULL));
  const folder = mkdtempSync(join(tmpdir(), "railiance-faults-"));
  const file = join(folder, "rows");
  console.log(`FAULT_SEED=${SEED} FAULT_ROUNDS=${rounds}`);
  const started = Date.now();
  try {
    const child = Bun.spawn([process.execPath, "build/test.ts", "faults"], {
      stdio: ["ignore", "inherit", "inherit"],
      env: {
        ...process.env,
        FAULT_ROUNDS: String(rounds),
        FAULT_SEED: SEED,
        FAULT_ROWS: file,
      },
    });
    const exitCode = await child.exited;
    const rows = existsSync(file) ? readRows(file) : [];
    console.log(`\n${tableOf(rows)}`);
    if (rounds >= FULL && rows.length > 0) {
      const minutes = Math.round((Date.now() - started) / 60_000);
      writeFileSync(RESULTS, pageOf(rows, { ...surroundings(), seed: SEED, rounds, minutes }));
      execFileSync("node_modules/.bin/oxfmt", [RESULTS]); // `make check` looks at it too
      console.log(`written: ${RESULTS}`);
    }
    return exitCode === 0 && rows.length > 0 && rows.every(({ lost }) => lost === 0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function surroundings() {
  const git = (...args: readonly string[]): string =>
    execFileSync("git", args, { encoding: "utf8" }).trim();
  const dirty = git("status", "--porcelain", "--untracked-files=no") === "" ? "" : ", with changes";
  const memory = Math.round(totalmem() / 2 ** 30);
  const k3s =
    process.env["K3S_BIN"] === undefined
      ? "the lab's stand-in for K3s's own front; etcd, kine, the Kubernetes API server and systemd are real (tests/lab/README.md)"
      : "a real K3s";
  return {
    date: new Date().toISOString(),
    commit: `${git("rev-parse", "--short=10", "HEAD")}${dirty}`,
    machine: `${cpus().length} cores (${cpus()[0]?.model ?? process.arch}), ${memory} GB memory, Linux ${release()}`,
    restsOn: k3s,
  };
}

process.exit((await main()) ? 0 : 1);
