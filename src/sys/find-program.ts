/** Where on PATH a program is. */
import { access, constants } from "node:fs/promises";
import { isAbsolute, join } from "node:path";

/** Absolute path of an executable, or undefined when there is none. */
export async function findProgram(
  name: string,
  path: string | undefined,
): Promise<string | undefined> {
  const candidates = isAbsolute(name)
    ? [name]
    : (path ?? "")
        .split(":")
        .filter((folder) => folder !== "")
        .map((folder) => join(folder, name));
  for (const candidate of candidates) {
    try {
      await access(candidate, constants.X_OK);
      return candidate;
    } catch {
      continue;
    }
  }
  return undefined;
}
