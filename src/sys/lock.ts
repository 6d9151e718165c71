/**
 * One run at a time: flock(2) on a file, released by the kernel when the
 * process ends, however it ends, so there are no stale locks to clear.
 */
import { mkdir, open, readFile, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { OperatorError, systemCode } from "../errors.ts";
import { tryFlock } from "./libc.ts";
import { explainWriteError } from "./write-errors.ts";

/**
 * Takes the lock or throws an OperatorError `LOCKED` or `WRITE_FAILED`. `holder` is written into
 * the file for the message that the next one gets.
 */
export async function takeLock(path: string, holder: string): Promise<AsyncDisposable> {
  try {
    return await lockFile(path, holder);
  } catch (error) {
    throw explainWriteError(error, path);
  }
}

async function lockFile(path: string, holder: string): Promise<AsyncDisposable> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const handle = await open(path, "a+", 0o600);
  if (!(await tryFlock(handle.fd))) {
    const other = (await handle.readFile("utf8")).trim();
    await handle.close();
    throw new OperatorError("locked", "LOCKED", `another run is active (${other || "unknown"})`, {
      hint: "wait until it has ended, then run this again",
    });
  }
  try {
    await handle.truncate(0);
    await handle.write(`${holder}\n`);
  } catch (error) {
    await handle.close();
    throw error;
  }
  return { [Symbol.asyncDispose]: () => handle.close() };
}

/**
 * Keeps out whoever would lock this file to write to it (bolt does, so etcd does),
 * without changing it. Undefined when somebody has it locked; "missing" when there is none.
 */
export async function shareLock(path: string): Promise<AsyncDisposable | "missing" | undefined> {
  let handle;
  try {
    handle = await open(path, "r");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return "missing";
    throw error;
  }
  if (await tryFlock(handle.fd, "shared")) return { [Symbol.asyncDispose]: () => handle.close() };
  await handle.close();
  return undefined;
}

/**
 * Who holds the lock right now, as it wrote itself into the file; undefined when nobody does. Reads
 * /proc/locks and takes no lock, not for a moment: a run that began then would be refused.
 */
export async function lockHolder(path: string): Promise<string | undefined> {
  try {
    const { dev, ino } = await stat(path);
    // Numbers of the device as the kernel prints them, `08:01:1234` (proc_locks(5)); dev as glibc packs it.
    const major = ((dev >>> 8) & 0xfff).toString(16).padStart(2, "0");
    const minor = ((dev & 0xff) | ((dev >>> 12) & 0xfff00)).toString(16).padStart(2, "0");
    const locks = await readFile("/proc/locks", "utf8");
    const held = locks
      .split("\n")
      .some(
        (line) =>
          / FLOCK +ADVISORY +WRITE /.test(line) && line.includes(` ${major}:${minor}:${ino} `),
      );
    return held ? (await readFile(path, "utf8")).trim() || "unknown" : undefined;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}
