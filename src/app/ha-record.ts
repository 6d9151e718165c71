/** Passes for version control, out of the reports of drills: only what the reports prove of the files as they are now. */
import { dirname } from "node:path";
import { OperatorError, systemCode } from "../errors.ts";
import { passesText } from "../ha/passes.ts";
import { hashValues } from "../ha/values-hash.ts";
import { writeFileAtomic } from "../sys/atomic.ts";
import { statOf } from "../sys/files.ts";
import { committedAt, differsFromCommit, headCommit } from "../sys/git.ts";
import type { Pass } from "../ha/passes.ts";
import type { Context } from "./context.ts";
import type { ReportHead } from "./ha-reports.ts";
import type { ReadComponent } from "./ha-status.ts";

export interface RecordInput {
  readonly components: readonly ReadComponent[];
  readonly before: ReadonlyMap<string, Pass>;
  /** Absolute. */
  readonly passesFile: string;
  readonly componentsFile: string;
}

/** Takes each newer pass over and writes the file if there is one; what cannot be taken is said as a warning. */
export async function recordPasses(
  context: Context,
  input: RecordInput,
): Promise<ReadonlyMap<string, Pass>> {
  const passes = new Map(input.before);
  const folder = dirname(input.passesFile);
  const commit = await headCommit(context.host, folder);
  for (const one of input.components) {
    const { lastRun, component } = one;
    const known = input.before.get(component.name);
    if (lastRun?.verdict !== "passed" || (known !== undefined && known.date >= lastRun.started)) {
      continue;
    }
    const trouble = await whyNot(context, { one, lastRun, known });
    if (trouble !== undefined) {
      context.talk({
        type: "warning",
        code: "PASS_NOT_RECORDED",
        message: `the pass of ${component.name} on ${lastRun.started} is not recorded: ${trouble}`,
        hint: `run the drill again: railiance-cluster ha drill ${component.drill}`,
      });
      continue;
    }
    const files = [component.drill, one.pinnedIn, ...one.valuesFiles];
    const differs = await differsFromCommit(context.host, { folder, files });
    passes.set(component.name, passOf(one, { lastRun, commit, uncommitted: differs === true }));
  }
  // Of a component that is no longer listed nothing is claimed.
  const names = new Set(input.components.map(({ component }) => component.name));
  for (const name of passes.keys()) if (!names.has(name)) passes.delete(name);
  const same =
    passes.size === input.before.size &&
    [...passes].every(([name, pass]) => input.before.get(name) === pass);
  if (!same) await write(input.passesFile, passesText(passes.values()));
  return passes;
}

async function write(path: string, text: string): Promise<void> {
  try {
    await writeFileAtomic(path, text, { mode: 0o644 });
  } catch (error) {
    const code = systemCode(error);
    if (code === undefined) throw error;
    throw new OperatorError("precondition", "PASSES_NOT_WRITTEN", `cannot write ${path}: ${code}`, {
      hint: "run railiance-cluster ha status --record where the list of components can be written",
      cause: error,
    });
  }
}

function passOf(
  one: ReadComponent,
  facts: {
    readonly lastRun: ReportHead;
    readonly commit: string | undefined;
    readonly uncommitted: boolean;
  },
): Pass {
  const { lastRun, commit, uncommitted } = facts;
  return {
    component: one.component.name,
    drill: one.drill,
    date: lastRun.started,
    commit: commit ?? null,
    uncommitted,
    chart: one.chart,
    gap: lastRun.unavailable ?? 0,
    window: lastRun.window,
    drillSha256: one.drillSha256,
    values: one.values.length === 0 ? null : hashValues(one.values),
    reportSha256: lastRun.sha256,
    toolVersion: lastRun.toolVersion,
  };
}

/** What the report does not prove of the files as they are now; undefined when it proves all. */
async function whyNot(
  context: Context,
  input: {
    readonly one: ReadComponent;
    readonly lastRun: ReportHead;
    readonly known: Pass | undefined;
  },
): Promise<string | undefined> {
  const { one, lastRun, known } = input;
  if (lastRun.restsOn !== null) {
    return `it rests on ${lastRun.restsOn}; only a live cluster counts`;
  }
  if (lastRun.fileSha256 !== one.drillSha256) return "the drill file changed since";
  if (one.live !== undefined && one.chart !== null && one.live.chart !== one.chart) {
    const runs = one.live.chart === null ? "has no such release" : `runs ${one.live.chart}`;
    return `${one.live.where} ${runs}, and ${one.chart} is pinned`;
  }
  const ran = Date.parse(lastRun.started);
  for (const path of one.valuesFiles) {
    if ((await changedAt(context, path)) > ran) return `${path} changed since`;
  }
  // The list holds other components too, so a change of the file alone says nothing of this pin.
  if (known !== undefined && known.chart !== one.chart) {
    if ((await changedAt(context, one.pinnedIn)) > ran) {
      return `the chart in ${one.pinnedIn} changed since`;
    }
  }
  return undefined;
}

/**
 * When a file was changed at the latest, in whole seconds as milliseconds. A
 * clone makes every file new, a commit may come long after the change: both are
 * upper bounds, so the earlier one counts.
 */
async function changedAt(context: Context, path: string): Promise<number> {
  const modified = (await statOf(path))?.mtimeMs ?? Infinity;
  const committed = await committedAt(context.host, path);
  return Math.floor(Math.min(modified, committed ?? Infinity) / 1000) * 1000;
}
