/** Runs a drill file, or smoke checks, in this process, as the commands do. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { drill } from "../../../src/app/ha-drill.ts";
import { haSmoke } from "../../../src/app/ha-smoke.ts";
import { drillFields } from "../../../src/cli/ha/drill-lines.ts";
import { realHost } from "../../../src/sys/real-host.ts";
import { recordDrill } from "../rows.ts";
import type { Context } from "../../../src/app/context.ts";
import type { DrillReport } from "../../../src/ha/drill/report.ts";
import type { SmokeReport } from "../../../src/app/ha-smoke.ts";

function context(): Context {
  return { host: realHost(new AbortController().signal), talk: () => undefined, ask: undefined };
}

/** A drill file of this folder with `${name}` filled in; gives the path of the finished one. */
export function drillFile(
  name: string,
  fill: {
    readonly folder: string;
    readonly values: Readonly<Record<string, string | number | undefined>>;
  },
): string {
  const template = readFileSync(join(import.meta.dirname, "..", name), "utf8");
  const text = template.replaceAll(/\$\{(\w+)\}/g, (_, key: string) => {
    const value = fill.values[key];
    if (value === undefined) throw new Error(`${name}: nothing to put for ${key}`);
    return String(value);
  });
  const path = join(fill.folder, name);
  writeFileSync(path, text);
  return path;
}

export async function runDrill(file: string, folder: string): Promise<DrillReport> {
  const reports = join(folder, "reports");
  mkdirSync(reports, { recursive: true, mode: 0o700 });
  const { report } = await drill(context(), {
    file,
    directory: folder,
    dataDir: join(folder, "no-k3s"),
    reports,
    dryRun: false,
    yes: true,
  });
  if (report === undefined) throw new Error("the drill left no report");
  recordDrill({ name: report.drill, result: drillFields(report, []) });
  return report;
}

/** `checks`: list entries in YAML's flow style. */
export async function runSmokeOf(
  checks: readonly string[],
  folder: string,
): Promise<SmokeReport & { readonly components: SmokeReport["results"] }> {
  const path = join(folder, "smoke.yaml");
  writeFileSync(path, checks.map((one) => `- ${one}\n`).join(""));
  const report = await haSmoke(context(), {
    checks: { path, given: true },
    directory: folder,
    dataDir: join(folder, "no-k3s"),
    nodes: undefined,
    interval: 1,
  });
  return { ...report, components: report.results.slice(9) };
}
