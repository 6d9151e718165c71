/** Removing what killed test runs left: only folders of ours whose owner is gone. */
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { removeGroups, runsWithGroups } from "./cgroups.ts";
import { startTime } from "./command.ts";
import { RUNS } from "./places.ts";

let swept = false;

/** Runs once a process. Mounts and processes of a dead run are gone with it; only its folder is left. */
export async function sweepStaleRuns(): Promise<void> {
  if (swept) return;
  swept = true;
  const runs = existsSync(RUNS) ? readdirSync(RUNS) : [];
  // Groups are the build machine's: those of a run of another checkout are not in our folder.
  const groups = runsWithGroups().filter((name) => !existsSync(`/proc/${name.split("-")[0]}`));
  for (const name of runs) {
    if (isAlive(name)) continue;
    rmSync(`${RUNS}/${name}`, { recursive: true, force: true });
    groups.push(name);
  }
  for (const name of new Set(groups)) await removeGroups(name);
}

/** A run that another process is just making has a folder named after it and no owner file yet. */
function isAlive(name: string): boolean {
  const file = `${RUNS}/${name}/owner`;
  if (!existsSync(file)) return existsSync(`/proc/${name.split("-")[0]}`);
  try {
    const owner: unknown = JSON.parse(readFileSync(file, "utf8"));
    if (owner === null || typeof owner !== "object") return false;
    if (!("pid" in owner) || !("started" in owner)) return false;
    return startTime(Number(owner.pid)) === owner.started;
  } catch {
    return false;
  }
}
