/** The real programs that our files must open with, and theirs with us. */
import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const LAB = resolve(ROOT, process.env["LAB_BIN"] ?? ".lab/bin");

export interface AgeProgram {
  readonly title: string;
  readonly path: string;
  /** Does it know `age1pq1…`? (facts/age-sops.md 2) */
  readonly postQuantum: boolean;
}

export const AGE_PROGRAMS: readonly AgeProgram[] = [
  { title: "Debian's age 1.1", path: "/usr/bin/age", postQuantum: false },
  { title: "age 1.3", path: join(LAB, "age"), postQuantum: true },
  {
    title: "rage 0.12",
    path: firstOf([join(LAB, "rage"), join(LAB, "../rage/bin/rage")]),
    postQuantum: false,
  },
];

export const ZSTD = "/usr/bin/zstd";

export interface Finished {
  readonly code: number | null;
  readonly stdout: Uint8Array;
  readonly stderr: string;
}

/** Runs a program to its end. Throws when it is not there: a missing program is a failure, not a skip. */
export function run(path: string, args: readonly string[], input: Uint8Array): Finished {
  if (!isExecutable(path)) throw new Error(`${path} is missing: run "make lab-build" first`);
  const result = spawnSync(path, args, {
    input,
    maxBuffer: 2 ** 30,
    env: { PATH: "/usr/bin:/bin" },
  });
  return { code: result.status, stdout: result.stdout, stderr: result.stderr.toString() };
}

/** What the program writes to stdout. Throws with its stderr when it fails. */
export function outputOf(path: string, args: readonly string[], input: Uint8Array): Uint8Array {
  const { code, stdout, stderr } = run(path, args, input);
  if (code !== 0) throw new Error(`${path} ${args.join(" ")} exited ${code}: ${stderr}`);
  return stdout;
}

/** A folder for key files; `remove` it at the end. */
export function keyFolder(): { write(name: string, text: string): string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), "railiance-interop-"));
  return {
    write(name, text) {
      const path = join(folder, name);
      writeFileSync(path, text, { mode: 0o600 });
      return path;
    },
    remove: () => rmSync(folder, { recursive: true }),
  };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function firstOf(paths: readonly [string, ...string[]]): string {
  return paths.find(isExecutable) ?? paths[0];
}
