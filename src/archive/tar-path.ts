/** Which names may stand in an archive: relative, plain, the same on every system. */

/** The two members that come before the entries and that the manifest does not list. */
export const RUNBOOK_PATH = "RUNBOOK.md";
export const MANIFEST_PATH = "manifest.json";

const LONGEST_PATH = 1024;
const LONGEST_PART = 255; // NAME_MAX on Linux

/**
 * Why `path` may not name a member of an archive, as the end of a sentence
 * ("is absolute"), or undefined when it may.
 */
export function pathProblem(path: string): string | undefined {
  if (path === "") return "is empty";
  if (path.startsWith("/")) return "is absolute";
  if (path.includes("\\")) return "holds a backslash";
  // eslint-disable-next-line no-control-regex -- control characters are what it looks for
  if (/[\u0000-\u001f\u007f]/.test(path)) return "holds a control character";
  if (!path.isWellFormed() || path.includes("\ufffd")) return "is not valid UTF-8";
  if (byteLength(path) > LONGEST_PATH) return `is longer than ${LONGEST_PATH} bytes`;
  for (const part of path.split("/")) {
    if (part === "") return "has an empty part";
    if (part === "." || part === "..") return `has a part "${part}"`;
    if (byteLength(part) > LONGEST_PART) return `has a part longer than ${LONGEST_PART} bytes`;
  }
  return undefined;
}

/** A path for a message: control characters escaped, never longer than a line. */
export function shownPath(path: string): string {
  return JSON.stringify(path.length > 120 ? `${path.slice(0, 117)}...` : path);
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}
