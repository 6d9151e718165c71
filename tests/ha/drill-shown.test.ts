/** What a drill prints at its end: on a terminal, and in a pipe. */
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { COMPILED, run } from "../cli/program.ts";
import { pgpoolDrill, startPgpool } from "./stack/pgpool.ts";
import type { PgpoolStack } from "./stack/pgpool.ts";

const WAIT = 180_000;

/** The command line of a drill of this pool that asks nobody. */
function drillWords(stack: PgpoolStack): string {
  const { folder } = stack.work;
  writeFileSync(join(folder, "drill.yaml"), pgpoolDrill(stack));
  return `${COMPILED} ha drill ${folder}/drill.yaml --yes --reports ${folder}/reports`;
}

/** Runs a shell line with a /run of its own; gives what came to stdout, without colours and redrawing. */
async function shownBy(line: string): Promise<string> {
  const shell = ["/usr/bin/unshare", "--mount", "--", "/bin/sh", "-c"];
  const { code, stdout, stderr } = await run([...shell, `mount -t tmpfs tmpfs /run && ${line}`], {
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", TERM: "xterm" },
  });
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  return stdout.replaceAll(/\u001b\[[0-9;?]*[A-Za-z]/g, "").replaceAll(/\r+\n?/g, "\n");
}

/** The same on a terminal so wide. */
function shownOnTerminal(line: string, columns: number): Promise<string> {
  return shownBy(`script -qec 'stty cols ${columns} && exec ${line}' /dev/null`);
}

test(
  "on a terminal a drill ends with the line that ha report prints of it",
  async () => {
    await using stack = await startPgpool({ srCheckPassword: "right" });
    const shown = await shownOnTerminal(drillWords(stack), 110);
    const line = shown.split("\n").find((one) => one.includes("▼")) ?? "";
    expect(line).toMatch(/^postgres-primary-kill: ━+▼.* passed, not on a live cluster: /);
    expect(Array.from(line).length).toBeLessThanOrEqual(110);
    expect(shown).toContain("processes on this host, no cluster; not on a live cluster");
    const report = / {2}report +(\S+\.json)/.exec(shown)?.[1] ?? "";
    // It stands two characters in there.
    const again = await shownOnTerminal(`${COMPILED} ha report ${report}`, 112);
    expect(again).toContain(`  ${line}\n`);
  },
  WAIT,
);

test(
  "in a pipe a drill prints plain lines, the verdict first",
  async () => {
    await using stack = await startPgpool({ srCheckPassword: "right" });
    const plain = await shownBy(drillWords(stack));
    expect(plain).toStartWith("postgres-primary-kill: passed\n  killed  ");
    expect(plain).not.toMatch(/[━▼×▲]/);
  },
  WAIT,
);
