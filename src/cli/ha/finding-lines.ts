/** Findings for people and for programs; the same for every command of `ha`. */
import { wrap } from "../format.ts";
import type { Finding } from "../../ha/finding.ts";

const COLUMNS = 100;

/** Place, severity and sentence on one line; what to put, indented below. */
export function findingLines(finding: Finding): string[] {
  const { at, severity, message, path, id, hint } = finding;
  const place = at === undefined ? "" : `${at.file}:${at.line}: `;
  const subject = path === undefined ? "" : `${path}: `;
  return [`${place}${severity}: ${subject}${message} [${id}]`, ...wrap(hint, COLUMNS, 4)];
}

/** One finding in the result envelope. */
export function findingFields(finding: Finding): Record<string, unknown> {
  const { at, path, ...rest } = finding;
  return { ...rest, file: at?.file ?? null, line: at?.line ?? null, path: path ?? null };
}
