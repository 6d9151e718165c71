/**
 * A control group of its own for each server. Without one every server's systemd
 * takes the build machine's root for its own: two of them then make and remove the
 * same `system.slice/k3s.service`, and now and then a start ends with 219/CGROUP.
 */
import { mkdirSync, readdirSync, readFileSync, rmdirSync } from "node:fs";
import { basename } from "node:path";

const PREFIX = "railiance-lab-";

/** Where systemd keeps its own tree: cgroup v2, the `name=systemd` of v1, or both beside each other. */
function hierarchies(): string[] {
  const paths = new Map<string, string>();
  for (const line of readFileSync("/proc/self/cgroup", "utf8").trim().split("\n")) {
    const [, controllers = "", ...path] = line.split(":");
    paths.set(controllers, path.join(":"));
  }
  return readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .flatMap((line) => {
      const [, place = "", type = "", options = ""] = line.split(" ");
      const name = options.split(",").includes("name=systemd") ? "name=systemd" : undefined;
      const own = type === "cgroup2" ? paths.get("") : name && paths.get(name);
      return own === undefined ? [] : [`${place}${own === "/" ? "" : own}`];
    });
}

/** Makes the groups of a run folder; gives their folders. */
export function makeGroups(run: string): string[] {
  const folders = hierarchies().map((place) => `${place}/${PREFIX}${basename(run)}`);
  for (const folder of folders) mkdirSync(folder, { recursive: true });
  return folders;
}

/** The command line that enters the groups, then becomes the given command. */
export function insideGroups(folders: readonly string[], argv: readonly string[]): string[] {
  const enter = folders.map((folder) => `echo $$ > '${folder}/cgroup.procs'`);
  return ["sh", "-ec", [...enter, 'exec "$@"'].join("\n"), "sh", ...argv];
}

/** Removes the groups of a run, with those the server's systemd made below them. */
export async function removeGroups(run: string): Promise<void> {
  for (const place of hierarchies()) {
    const folder = `${place}/${PREFIX}${basename(run)}`;
    // A killed process is in its group until the kernel has buried it.
    for (let attempt = 0; attempt < 50 && !removeTree(folder); attempt += 1) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** Runs whose groups are still there; of this and of other test runs. */
export function runsWithGroups(): string[] {
  const names = hierarchies().flatMap((place) => readdirSync(place));
  return [...new Set(names.filter((name) => name.startsWith(PREFIX)))].map((name) =>
    name.slice(PREFIX.length),
  );
}

/** False when something still lives in it. */
function removeTree(folder: string): boolean {
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (entry.isDirectory() && !removeTree(`${folder}/${entry.name}`)) return false;
    }
    rmdirSync(folder);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "ENOENT";
  }
}
