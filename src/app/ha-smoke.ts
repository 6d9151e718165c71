/** `ha smoke`: every check of cluster and components, run to the end and then judged. Changes nothing. */
import * as v from "valibot";
import { OperatorError } from "../errors.ts";
import { runCheck } from "../ha/checks/run.ts";
import { CLUSTER_CHECKS } from "../ha/smoke/all.ts";
import { judgeBackup } from "../ha/smoke/backup.ts";
import { judged, skip } from "../ha/smoke/check.ts";
import { parseChecks } from "../ha/smoke/checks-file.ts";
import { runSmoke } from "../ha/smoke/run.ts";
import { readSettings } from "../k3s/settings.ts";
import { readTextIfPresent } from "../sys/files.ts";
import { RESULT_DIR } from "../sys/result-file.ts";
import { findArchives } from "./archives.ts";
import { clusterHere } from "./ha-cluster.ts";
import type { Cluster } from "../ha/cluster.ts";
import type { CheckSpec } from "../ha/drill/check-schema.ts";
import type { BackupFacts } from "../ha/smoke/backup.ts";
import type { SmokeResult, SmokeTask } from "../ha/smoke/run.ts";
import type { Host } from "../sys/host.ts";
import type { Context } from "./context.ts";

/** Where the checks of components are listed, below the folder one stands in. */
export const SMOKE_FILE = "ha/smoke.yaml";

export interface SmokeOptions {
  /** The list of checks of components; `given`: named by the operator, so it has to be there. */
  readonly checks: { readonly path: string; readonly given: boolean };
  /** Folder of archives. */
  readonly directory: string;
  readonly dataDir: string | undefined;
  /** How many nodes there should be. */
  readonly nodes: number | undefined;
  /** Milliseconds that the newest backup may be old. */
  readonly interval: number;
}

export interface SmokeReport {
  readonly results: readonly SmokeResult[];
  readonly passed: boolean;
}

/**
 * Runs all checks and judges then. Throws an OperatorError where nothing can be
 * checked: `NO_CLUSTER` (exit precondition) where no K3s server is and no list
 * of checks was named, `NO_SMOKE_FILE` and `SMOKE_FILE_INVALID` (exit usage).
 */
export async function haSmoke(context: Context, options: SmokeOptions): Promise<SmokeReport> {
  const components = await readChecks(options);
  const cluster = await clusterHere(context, options);
  if (cluster === undefined && !options.checks.given) {
    throw new OperatorError("precondition", "NO_CLUSTER", "there is no K3s server on this host", {
      hint: "run it on a server; for components alone, from anywhere: railiance-cluster ha smoke --file CHECKS",
    });
  }
  const tasks = [
    ...(await clusterTasks(context, { cluster, options })),
    ...componentTasks(context, { cluster, components, path: options.checks.path }),
  ];
  context.talk({ type: "step", text: `running ${tasks.length} checks` });
  const { signal } = context.host;
  const results = await runSmoke(tasks, { signal, now: () => context.host.monotonic() });
  const passed =
    results.every(({ outcome }) => outcome !== "fail") &&
    results.some(({ outcome }) => outcome === "ok");
  return { results, passed };
}

async function readChecks({ checks }: SmokeOptions): Promise<readonly CheckSpec[] | undefined> {
  const text = await readTextIfPresent(checks.path);
  if (text !== undefined) return parseChecks(text, checks.path);
  if (!checks.given) return undefined;
  throw new OperatorError("usage", "NO_SMOKE_FILE", `there is no file ${checks.path}`, {
    hint: "what it holds: railiance-cluster ha smoke --help",
  });
}

async function clusterTasks(
  context: Context,
  input: { readonly cluster: Cluster | undefined; readonly options: SmokeOptions },
): Promise<readonly SmokeTask[]> {
  const { cluster, options } = input;
  const settings = await readSettings(options);
  const tasks = CLUSTER_CHECKS.map((check) => ({
    ...check,
    run: async (signal: AbortSignal) =>
      cluster === undefined
        ? skip("there is no K3s server on this host")
        : await check.run({
            cluster: { ...cluster, host: stoppedBy(context.host, signal) },
            settings,
            now: context.host.now(),
            signal,
            nodes: options.nodes,
          }),
  }));
  const backup: SmokeTask = {
    id: "backup",
    timeout: 15_000,
    hint: "railiance-cluster doctor",
    run: async () =>
      cluster === undefined
        ? skip("there is no K3s server on this host")
        : judgeBackup(await backupFacts(context, options.directory), options.interval),
  };
  return [...tasks, backup];
}

/** Children of a check end with its time. */
function stoppedBy(host: Host, signal: AbortSignal): Host {
  return {
    env: host.env,
    hostname: host.hostname,
    uid: host.uid,
    signal,
    now: () => host.now(),
    monotonic: () => host.monotonic(),
    run: (command, options) => host.run(command, { signal, ...options }),
  };
}

function componentTasks(
  context: Context,
  input: {
    readonly cluster: Cluster | undefined;
    readonly components: readonly CheckSpec[] | undefined;
    readonly path: string;
  },
): readonly SmokeTask[] {
  const { components, cluster, path } = input;
  if (components === undefined || components.length === 0) {
    const why = components === undefined ? `there is no ${path}` : `${path} lists none`;
    const run = (): ReturnType<SmokeTask["run"]> =>
      Promise.resolve(skip(`no component is checked: ${why}`));
    return [{ id: "components", timeout: 1_000, hint: "railiance-cluster ha smoke --help", run }];
  }
  return components.map((spec) => ({
    id: spec.id,
    // A check keeps its own time; what it cannot interrupt ends here.
    timeout: spec.timeout + 5_000,
    hint: `what it asserts is in ${path}`,
    run: async (signal) =>
      judged(
        await runCheck(spec, {
          cluster:
            cluster === undefined
              ? undefined
              : { ...cluster, host: stoppedBy(context.host, signal) },
          signal,
          now: () => context.host.monotonic(),
        }),
      ),
  }));
}

const lastResult = v.object({ status: v.string(), exit_code: v.number() });

async function backupFacts({ host }: Context, directory: string): Promise<BackupFacts | undefined> {
  const archives = await archivesIn(directory);
  const [newest] = archives;
  if (newest === undefined) return undefined;
  const times = archives.flatMap(({ sidecar }) => sidecar?.verified?.at ?? []);
  const chosen = host.env["RAILIANCE_RESULT_DIR"] ?? "";
  const folder = chosen === "" ? RESULT_DIR : chosen;
  const last = v.safeParse(
    lastResult,
    parsed((await readTextIfPresent(`${folder}/verify.json`)) ?? ""),
  );
  return {
    age: host.now().getTime() - new Date(newest.created).getTime(),
    name: newest.name,
    verified: times.toSorted().at(-1),
    lastVerify: last.success && last.output.exit_code !== 0 ? last.output.status : undefined,
  };
}

async function archivesIn(directory: string): ReturnType<typeof findArchives> {
  try {
    return await findArchives(directory);
  } catch (error) {
    if (error instanceof OperatorError && error.exit === "notFound") return [];
    throw error;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
