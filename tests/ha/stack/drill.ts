/** Runs `ha drill` as it is shipped, with a /run of its own: the lock of a host is not what these tests share. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ChildProcess } from "node:child_process";
import { COMPILED, run } from "../../cli/program.ts";
import { recordDrill } from "../rows.ts";

export interface Drilled {
  readonly code: number | null;
  /** Fields of the result envelope. */
  readonly result: Readonly<Record<string, unknown>>;
  /** Path of the report; undefined where none was written. */
  readonly report: string | undefined;
  readonly stderr: string;
}

export interface DrillRun {
  /** Folder of the test, for drill file and reports. */
  readonly folder: string;
  readonly yaml: string;
  /** Name in the table of `make test-ha`; none: it is not listed. */
  readonly row?: string;
  readonly flags?: readonly string[];
  /** Shell words before the program, in its own mount namespace. */
  readonly before?: string;
  readonly during?: (child: ChildProcess) => Promise<void>;
}

export async function runDrill(options: DrillRun): Promise<Drilled> {
  const { folder, yaml } = options;
  const file = join(folder, "drill.yaml");
  writeFileSync(file, yaml);
  const reports = join(folder, "reports");
  mkdirSync(reports, { recursive: true });
  const script = `mount -t tmpfs tmpfs /run && ${options.before ?? ""} exec "$@"`;
  const flags = options.flags ?? ["--yes"];
  const shell = ["/usr/bin/unshare", "--mount", "--", "/bin/sh", "-c", script, "sh"];
  const ended = await run(
    [...shell, COMPILED, "ha", "drill", file, "--json", "--reports", reports, ...flags],
    {
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", RAILIANCE_RESULT_DIR: folder },
      during: async (child) => {
        try {
          await options.during?.(child);
        } catch (error) {
          child.kill("SIGKILL"); // a test that gave up leaves no drill behind
          throw error;
        }
      },
    },
  );
  const result = parsed(ended.stdout);
  const [report] = Array.isArray(result["reports"]) ? result["reports"].map(String) : [];
  if (options.row !== undefined) recordDrill({ name: options.row, result });
  return { code: ended.code, result, report, stderr: ended.stderr };
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(text);
  if (typeof value !== "object" || value === null) throw new Error(`no result: ${text}`);
  return Object.fromEntries(Object.entries(value));
}

/** How often the drill of the incident is repeated; `make test-ha` says 20. */
export const ROUNDS = Number(process.env["HA_ROUNDS"] ?? 2);
