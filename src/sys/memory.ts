/** Giving memory back. */

/** Collects garbage now, where the runtime lets us: Bun waits for hundreds of megabytes of it. */
export function collectGarbage(): void {
  if ("Bun" in globalThis) Bun.gc(true);
}
