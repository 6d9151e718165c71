/** What version control knows of a file; nothing where there is no git, no repository, or another user's. */
import { OperatorError } from "../errors.ts";
import type { Host } from "./host.ts";

/** The commit that is checked out around `folder`. */
export async function headCommit(host: Host, folder: string): Promise<string | undefined> {
  const head = await git(host, folder, ["rev-parse", "--verify", "-q", "HEAD"]);
  return head === undefined || head === "" ? undefined : head;
}

/** Whether one of the files differs from what is committed; undefined where nobody can tell. */
export async function differsFromCommit(
  host: Host,
  { folder, files }: { readonly folder: string; readonly files: readonly string[] },
): Promise<boolean | undefined> {
  const status = await git(host, folder, [
    "status",
    "--porcelain",
    "--ignored",
    "--untracked-files=all",
    "--",
    ...files,
  ]);
  return status === undefined ? undefined : status !== "";
}

/** When the file was last committed, in milliseconds of the epoch; undefined where it is not, or was changed since. */
export async function committedAt(host: Host, path: string): Promise<number | undefined> {
  const folder = path.slice(0, path.lastIndexOf("/")) || "/";
  if ((await differsFromCommit(host, { folder, files: [path] })) !== false) return undefined;
  const seconds = await git(host, folder, ["log", "-1", "--format=%ct", "--", path]);
  return seconds === undefined || seconds === "" ? undefined : Number(seconds) * 1000;
}

async function git(
  host: Host,
  folder: string,
  args: readonly string[],
): Promise<string | undefined> {
  try {
    // No hook and no monitor of the repository may run: this is root, and the folder may be anyone's.
    const safe = ["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"];
    const result = await host.run(["git", "-C", folder, ...safe, ...args], {
      timeout: 20_000,
      env: { GIT_OPTIONAL_LOCKS: "0", GIT_TERMINAL_PROMPT: "0" },
    });
    return result.exitCode === 0 ? result.stdout.trim() : undefined;
  } catch (error) {
    if (error instanceof OperatorError && error.code === "TOOL_MISSING") return undefined;
    throw error;
  }
}
