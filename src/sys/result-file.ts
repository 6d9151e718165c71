/** The last result of each command, for whoever runs the layers one after the other (facts/operations.md 4). */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "./atomic.ts";

export const RESULT_DIR = "/var/lib/railiance/results/cluster";

/** Replaces `<folder>/<command>.json` (`ha-lint.json`; 0600), making the folder as needed (0700). Throws the system's error. */
export async function writeResultFile(
  folder: string,
  result: { readonly command: string; readonly json: string },
): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFileAtomic(
    join(folder, `${result.command.replaceAll(" ", "-")}.json`),
    `${result.json}\n`,
  );
}
