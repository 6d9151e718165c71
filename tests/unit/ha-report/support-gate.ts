/** A folder as a repository has it: components, a drill, values; and reports of runs of that drill. */
import { mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { haStatus } from "../../../src/app/ha-status.ts";
import { sha256Hex } from "../../../src/sys/hash.ts";
import { testContext } from "../../helpers/context.ts";
import { fixture } from "./support.ts";
import type { StatusResult } from "../../../src/app/ha-status.ts";
import type { DrillReport } from "../../../src/ha/drill/report.ts";
import type { Host } from "../../../src/sys/host.ts";
import type { TestContext } from "../../helpers/context.ts";

export const DRILL = `apiVersion: railiance/drill/v1
name: postgres-primary-kill
steadyState:
  - {id: pool, pgpool: {via: "127.0.0.1:5432", nodes: 2}}
probe: {kind: sql, via: "127.0.0.1:5432", interval: 200ms, timeout: 2s}
target: {resolve: pgpool, via: "127.0.0.1:5432"}
kill: {method: process, pidFile: /run/postgresql/postmaster.pid}
recovery: {window: 30s}
`;

export const COMPONENTS = `schema: railiance.ha-components/1
components:
  - component: postgres
    drill: drills/pg.yaml
    chart: postgresql-ha@16.3.4
    values: [../values/pg.yaml]
`;

/** Short enough to be guessed, as real ones are. */
export const PASSWORD = "hunter2";
/** When files were last written, unless a test says otherwise. */
const LONG_AGO = new Date("2026-11-01T00:00:00Z");

export interface StatusChoice {
  readonly record?: boolean;
  /** The cluster that is asked; undefined: none. */
  readonly cluster?: Host;
}

export interface Repository {
  readonly folder: string;
  /** Writes a file, dated long ago unless `at` is given. */
  write(path: string, text: string, at?: Date): void;
  /** Leaves the report of a run of the drill as it is in the folder now. */
  ran(change?: Partial<DrillReport>): void;
  status(options?: StatusChoice): Promise<StatusResult & { readonly context: TestContext }>;
  /** State of the only component. */
  state(options?: StatusChoice): Promise<string>;
}

export function repository(folder: string): Repository {
  const write = (path: string, text: string, at: Date = LONG_AGO): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
    utimesSync(join(folder, path), at, at);
  };
  write("ha/components.yaml", COMPONENTS);
  write("ha/drills/pg.yaml", DRILL);
  write("values/pg.yaml", `pgpool: {srCheckPassword: ${PASSWORD}}\n`);
  let runs = 0;
  const status: Repository["status"] = async ({ record = false, cluster } = {}) => {
    const made = testContext({ now: () => new Date("2026-12-01T00:00:00Z") });
    const host = { ...made.host, run: (cluster ?? made.host).run };
    const context = { ...made, host };
    const result = await haStatus(context, {
      componentsFile: join(folder, "ha/components.yaml"),
      reports: join(folder, "reports"),
      record,
      ask: cluster === undefined ? "never" : "must",
      dataDir: undefined,
      workingDirectory: folder,
    });
    return { ...result, context };
  };
  return {
    folder,
    write,
    status,
    async state(options) {
      return (await status(options)).components.map(({ state }) => state).join();
    },
    ran(change = {}) {
      runs += 1;
      // As if it had run against a live cluster: the fixture's did not.
      const live = { fileSha256: sha256Hex(DRILL), restsOn: null };
      const report = fixture("passed", { ...live, ...change });
      write(`reports/run-${runs}.json`, JSON.stringify(report));
    },
  };
}
