/**
 * One run at a time: flock(2) on a file, released by the kernel when the
 * process ends, however it ends, so there are no stale locks to clear.
 */
import { mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import { OperatorError } from "../errors.ts";
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
