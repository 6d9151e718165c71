/** The few calls of the C library that neither Bun nor Node offers; only under Bun (the compiled program). */

/** `<sys/resource.h>`, `<sys/prctl.h>`, `<fcntl.h>`, `<sys/file.h>` of Linux, the same on every processor we build for. */
const RLIMIT_CORE = 4;
const PR_SET_DUMPABLE = 4;
const POSIX_FADV_DONTNEED = 4;
/** LOCK_EX or LOCK_SH, with LOCK_NB. */
const LOCK = { exclusive: 2 | 4, shared: 1 | 4 } as const;

const SYMBOLS = {
  flock: { args: ["i32", "i32"], returns: "i32" },
  posix_fadvise: { args: ["i32", "i64", "i64", "i32"], returns: "i32" },
  prctl: { args: ["i32", "u64", "u64", "u64", "u64"], returns: "i32" },
  setrlimit: { args: ["i32", "ptr"], returns: "i32" },
} as const;

async function open() {
  const { dlopen } = await import("bun:ffi");
  // glibc and musl name their C library differently.
  for (const name of ["libc.so.6", "libc.so"]) {
    try {
      return dlopen(name, SYMBOLS);
    } catch {
      continue;
    }
  }
  throw new TypeError("no C library found");
}

/** flock(2) without waiting; false when somebody else holds it. Throws a TypeError outside Bun. */
export async function tryFlock(
  descriptor: number,
  kind: keyof typeof LOCK = "exclusive",
): Promise<boolean> {
  if (!("Bun" in globalThis)) throw new TypeError("locking needs the compiled program or Bun");
  const library = await open();
  const result = library.symbols.flock(descriptor, LOCK[kind]);
  library.close();
  return result === 0;
}

/**
 * Lets the kernel forget what it holds of a file in memory, so that the next read
 * comes from the disk. Only what is synced can be forgotten; a file system that
 * lies in memory keeps it. Does nothing outside Bun.
 */
export async function forgetCached(descriptor: number): Promise<void> {
  if (!("Bun" in globalThis)) return;
  const library = await open();
  library.symbols.posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED);
  library.close();
}

/**
 * Keys, tokens and opened databases pass through this process: no crash of it or
 * of what it starts may write its memory to a disk. The limit is inherited; the
 * flag counts too where cores go to a program (`core_pattern` with a pipe), which
 * no limit stops (core(5)). Does nothing outside Bun.
 */
export async function forbidCoreDumps(): Promise<void> {
  if (!("Bun" in globalThis)) return;
  const library = await open();
  library.symbols.setrlimit(RLIMIT_CORE, new BigUint64Array([0n, 0n]));
  library.symbols.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  library.close();
}
