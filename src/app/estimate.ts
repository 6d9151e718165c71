/** How long a restore will take: as the last one on this host did, or else by the size of its database. */
import * as v from "valibot";
import { namesIn, readTextIfPresent } from "../sys/files.ts";
import { spanText } from "../words.ts";
import { STATE_FOLDER } from "./places.ts";
import type { Manifest } from "../archive/manifest.ts";

/** Bytes a millisecond that a reset or a copy was seen to do at least, reading and writing. */
const RATE = 50_000;
/** Milliseconds without the database: stop, reset (6 to 11 s, k3s-observed.md 3), start, node heartbeat. */
const BASE = { etcd: 40_000, sqlite: 25_000 } as const;

const planLine = v.object({
  type: v.literal("plan"),
  plan: v.object({
    datastore: v.object({ kind: v.picklist(["etcd", "sqlite"]), bytes: v.number() }),
  }),
});
const stepLine = v.object({ type: v.literal("begin"), step: v.string(), at: v.string() });
const turned = v.object({ type: v.picklist(["rollback", "kept"]) });

export interface Measured {
  readonly kind: "etcd" | "sqlite";
  /** Of the datastore that was restored. */
  readonly bytes: number;
  readonly milliseconds: number;
  /** RFC 3339. */
  readonly at: string;
}

/** Bytes of the archive's datastore. */
export function datastoreSize({ datastore, entries }: Manifest): number {
  return entries.find(({ path }) => path === datastore.entry)?.size ?? 0;
}

/** From the operator's consent to a cluster that was checked, in words, and what that is taken from. */
export function estimateText(manifest: Manifest, last: Measured | undefined): string {
  const bytes = datastoreSize(manifest);
  const { kind } = manifest.datastore;
  if (last === undefined || last.kind !== kind) {
    const span = spanText(BASE[kind] + bytes / RATE);
    return `about ${span}, an estimate from the database's size: no restore was measured on this host yet`;
  }
  const span = Math.max(1000, last.milliseconds + (bytes - last.bytes) / RATE);
  return `about ${spanText(span)}, an estimate from the restore of ${last.at.slice(0, 10)}, which took ${spanText(last.milliseconds)}`;
}

/** The newest restore of this host that went through at one go, from the journals it left; undefined when there is none. */
export async function lastMeasured(folder = STATE_FOLDER): Promise<Measured | undefined> {
  const names = (await namesIn(folder)).filter((name) => name.startsWith("restore-"));
  for (const name of names.toReversed()) {
    const measured = measuredIn((await readTextIfPresent(`${folder}/${name}/journal`)) ?? "");
    if (measured !== undefined) return measured;
  }
  return undefined;
}

/** The time from its first step to its last; undefined for one that turned back, or was cut off and gone on with. */
export function measuredIn(journal: string): Measured | undefined {
  const [first, ...lines] = journal.split("\n").map(parse);
  const plan = v.safeParse(planLine, first);
  if (!plan.success || lines.some((line) => v.is(turned, line))) return undefined;
  const steps = lines.flatMap((line) => (v.is(stepLine, line) ? [line] : []));
  if (new Set(steps.map(({ step }) => step)).size !== steps.length) return undefined;
  const [begin, end] = [steps.at(0), steps.at(-1)];
  if (begin === undefined || end?.step !== "finish") return undefined;
  const milliseconds = Date.parse(end.at) - Date.parse(begin.at);
  if (!(milliseconds > 0)) return undefined; // the clock was set meanwhile
  return { ...plan.output.plan.datastore, milliseconds, at: begin.at };
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
