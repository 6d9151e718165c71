/** A log of JSON lines in which every line is on the disk before the call returns. */
import { open } from "node:fs/promises";
import { dirname } from "node:path";
import { syncFolder } from "./atomic.ts";

export interface AppendLog extends AsyncDisposable {
  append(value: object): Promise<void>;
}

/** Opens or makes the log (0600). */
export async function openAppendLog(path: string): Promise<AppendLog> {
  const handle = await open(path, "a", 0o600);
  await syncFolder(dirname(path));
  return {
    async append(value) {
      const { size } = await handle.stat();
      try {
        await handle.appendFile(`${JSON.stringify(value)}\n`);
        await handle.sync();
      } catch (error) {
        // A full disk takes half a line; the next one must not run into it.
        await handle.truncate(size);
        throw error;
      }
    },
    [Symbol.asyncDispose]: () => handle.close(),
  };
}
