/** Runs a drill file on a lab server with a program of its own (drill-main.ts), and reads its report. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import { must } from "../../lab/command.ts";
import { REPOSITORY } from "../../lab/places.ts";
import type { BareServer } from "../../lab/server.ts";

/** What these tests look at of `railiance.drill-report/1`. */
const report = v.object({
  drill: v.string(),
  verdict: v.string(),
  reasons: v.array(v.string()),
  window: v.number(),
  victim: v.nullable(v.string()),
  oldPrimary: v.nullable(v.string()),
  newPrimary: v.nullable(v.string()),
  unavailable: v.nullable(v.number()),
  redundancyRestoredAt: v.nullable(v.number()),
  acknowledged: v.number(),
  lostAcknowledged: v.nullable(v.number()),
});
export type Report = v.InferOutput<typeof report>;
const answer = v.object({
  report: v.optional(v.nullable(report)),
  code: v.optional(v.string()),
  message: v.optional(v.string()),
});

export interface Ran {
  readonly exitCode: number | null;
  /** Undefined when the drill was refused before it began. */
  readonly report: Report | undefined;
  /** All that was said. */
  readonly said: string;
}

/** Compiles the program; `path` for `executable` of a lab server. Gone when disposed of. */
export async function drillProgram(): Promise<Disposable & { readonly path: string }> {
  const folder = mkdtempSync(join(tmpdir(), "railiance-drill-"));
  const path = join(folder, "drill");
  const main = `${REPOSITORY}/tests/ha/kube/drill-main.ts`;
  const bun = `${REPOSITORY}/node_modules/.bin/bun`;
  await must([bun, "build", "--compile", "--outfile", path, main]);
  return { path, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Writes the drill file and runs it to its end. */
export async function runDrill(server: BareServer, file: string): Promise<Ran> {
  server.write("/root/drill.yaml", file);
  const result = await server.run(["/opt/railiance/bin/railiance-cluster", "/root/drill.yaml"], {
    timeout: 600_000,
  });
  const said = `${result.stdout}\n${result.stderr}`;
  const parsed = v.safeParse(answer, parseJson(result.stdout));
  const found = parsed.success ? (parsed.output.report ?? undefined) : undefined;
  return { exitCode: result.exitCode, report: found, said };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The report of a drill that must have run; throws with what was said instead. */
export function reportOf(ran: Ran): Report {
  if (ran.report !== undefined) return ran.report;
  throw new Error(`the drill left no report (exit ${ran.exitCode}): ${ran.said}`);
}
