/**
 * `bun build/test.ts [SUITE…]`: runs the suites one after the other, shows their
 * output, and ends with a table and the line `N passed, M failed`. A suite that
 * runs nothing has failed: silence is not success.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SUITES } from "./suites.ts";
import { readJunit } from "./junit.ts";
import { troubleOf } from "./trouble.ts";
import type { Counts } from "./junit.ts";
import type { Suite } from "./suites.ts";

process.chdir(new URL("..", import.meta.url).pathname);

/** Of one failure's message; the whole of it stands where the test ran. */
const MESSAGE_LINES = 12;

interface Result extends Counts {
  readonly name: string;
  readonly seconds: number;
  /** Why it failed although no test did; empty otherwise. */
  readonly trouble: string;
}

async function main(names: readonly string[]): Promise<boolean> {
  const unknown = names.find((name) => !SUITES.some((suite) => suite.name === name));
  if (unknown !== undefined) {
    const known = SUITES.map((suite) => suite.name).join(", ");
    console.error(`there is no suite "${unknown}"; there are ${known}`);
    return false;
  }
  const results: Result[] = [];
  for (const suite of SUITES) {
    if (names.length > 0 && !names.includes(suite.name)) continue;
    results.push(await runSuite(suite));
  }
  return report(results);
}

async function runSuite(suite: Suite): Promise<Result> {
  console.log(`\n== ${suite.name}: ${suite.about}`);
  const started = performance.now();
  const folder = await mkdtemp(join(tmpdir(), "railiance-junit-"));
  const junit = join(folder, "junit.xml");
  try {
    const child = Bun.spawn(suite.command(junit), {
      stdout: "inherit",
      stderr: "inherit",
      env: testEnvironment(),
    });
    const exitCode = await child.exited;
    const counts = existsSync(junit)
      ? readJunit(await readFile(junit, "utf8"))
      : { passed: 0, failed: [], skipped: [] };
    const seconds = (performance.now() - started) / 1000;
    const trouble = troubleOf(counts, { exitCode, env: process.env });
    return { name: suite.name, seconds, ...counts, trouble };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Tests must not see the colours, keys or settings of whoever runs them. */
function testEnvironment(): Record<string, string | undefined> {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(SOPS_|RAILIANCE_|FORCE_COLOR$|JOURNAL_STREAM$)/.test(name),
  );
  return { ...Object.fromEntries(kept), NO_COLOR: "1" };
}

function report(results: readonly Result[]): boolean {
  const passed = results.reduce((sum, one) => sum + one.passed, 0);
  // A suite that broke without a failing test counts as one failure, so that the sum cannot look green.
  const failed = results.reduce(
    (sum, one) => sum + (one.trouble === "" ? one.failed.length : Math.max(1, one.failed.length)),
    0,
  );
  console.log("");
  for (const one of results) {
    const line = [
      one.name.padEnd(12),
      `${one.passed} passed`.padStart(12),
      `${one.failed.length} failed`.padStart(10),
      `${one.skipped.length} skipped`.padStart(11),
      `${one.seconds.toFixed(1)} s`.padStart(9),
    ];
    console.log(line.join("") + (one.trouble === "" ? "" : `   ${one.trouble}`));
    for (const name of one.skipped) console.log(`  skipped: ${name}`);
  }
  for (const one of results) tellFailures(one);
  console.log(`\n${passed} passed, ${failed} failed`);
  return failed === 0 && passed > 0;
}

/** What failed stands at the end too: hours of output lie between, and a CI may keep only the last lines. */
function tellFailures({ name: suite, failed, skipped, trouble }: Result): void {
  if (trouble !== "")
    console.log(`\nfailed: the suite ${suite}: ${[trouble, ...skipped].join(": ")}`);
  for (const { name, message } of failed) {
    console.log(`\nfailed in ${suite}: ${name}`);
    for (const line of message.slice(0, MESSAGE_LINES)) console.log(`  ${line}`);
  }
}

process.exit((await main(process.argv.slice(2))) ? 0 : 1);
