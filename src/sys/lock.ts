/**
 * One run at a time: flock(2) on a file, released by the kernel when the
 * process ends, however it ends, so there are no stale locks to clear.
 */
import { mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import { OperatorError } from "../errors.ts";

const LOCK_EX_NB = 2 | 4; // LOCK_EX | LOCK_NB, flock(2)

/**
 * Takes the lock or throws an OperatorError `LOCKED`. `holder` is written into
 * the file for the message that the next one gets.
 */
export async function takeLock(path: string, holder: string): Promise<AsyncDisposable> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const handle = await open(path, "a+", 0o600);
  if (!(await flock(handle.fd))) {
    const other = (await handle.readFile("utf8")).trim();
    await handle.close();
    throw new OperatorError("locked", "LOCKED", `another run is active (${other || "unknown"})`, {
      hint: "wait until it has ended, then run this again",
    });
  }
  await handle.truncate(0);
  await handle.write(`${holder}\n`);
  return { [Symbol.asyncDispose]: () => handle.close() };
}

async function flock(fd: number): Promise<boolean> {
  if (!("Bun" in globalThis)) throw new TypeError("locking needs the compiled program or Bun");
  const { dlopen } = await import("bun:ffi");
  const symbols = { flock: { args: ["i32", "i32"], returns: "i32" } } as const;
  // glibc and musl name their C library differently.
  for (const name of ["libc.so.6", "libc.so"]) {
    let library;
    try {
      library = dlopen(name, symbols);
    } catch {
      continue;
    }
    const result = library.symbols.flock(fd, LOCK_EX_NB);
    library.close();
    return result === 0;
  }
  throw new TypeError("cannot lock: no C library found");
}
