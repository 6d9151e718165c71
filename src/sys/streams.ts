/**
 * Writing to stdout and stderr with plain write(2). The runtime's own streams
 * make the pipe non-blocking and leave it so, for every process that shares it:
 * GNU time then loses half of its report (seen with Bun 1.4.5).
 */
import { writeSync } from "node:fs";
import { systemCode } from "../errors.ts";

const STILL = new Int32Array(new SharedArrayBuffer(4));

/** Writes everything; a reader that has gone is no error, a slow one is waited for. */
export function writeWhole(fd: 1 | 2, data: string | Uint8Array): void {
  let rest = typeof data === "string" ? new TextEncoder().encode(data) : data;
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      // Somebody else made the pipe non-blocking.
      if (systemCode(error) === "EAGAIN") Atomics.wait(STILL, 0, 0, 5);
      else return;
    }
  }
}
