/** What lint and drift report: one sentence, where, and what to put. Never a value that might be a secret. */

import type { Place, ValueNode, ValuePath } from "./value-node.ts";

export type Severity = "error" | "warning";

export interface Finding {
  /** `postgresql-ha/replicas`, or the class of a drift. */
  readonly id: string;
  readonly severity: Severity;
  /** Where it stands, or would belong; undefined when no file has to do with it. */
  readonly at: Place | undefined;
  /** Of the value it is about. */
  readonly path: string | undefined;
  readonly message: string;
  readonly hint: string;
}

/** Parts of a path that make its value a secret, whatever it looks like. */
const SECRET_WORDS =
  /pass|pwd|secret|token|credential|private|apikey|api_key|accesskey|access_key|cert|\bkey\b|key$|auth|salt|seed|hash|dsn|connectionstring|uri$|url$|license|cookie|signature|pin$/i;
/** Texts are shown only under names like these: a password may hide behind any other. */
const HARMLESS_TEXT =
  /^(?:tag|registry|repository|digest|pullPolicy|type|kind|architecture|podAntiAffinityPreset|podAffinityPreset|storageClass|size|ISSUE_INDEXER_TYPE)$/;
const LONGEST_SHOWN = 80;

/** The value for a sentence, or undefined when it must not be shown: numbers and switches are, texts only under harmless names. */
export function shownValue(path: ValuePath, node: ValueNode | undefined): string | undefined {
  if (node?.kind !== "scalar" || node.secret) return undefined;
  if (path.some((part) => typeof part === "string" && SECRET_WORDS.test(part))) return undefined;
  const { value } = node;
  if (value === null) return "null";
  if (typeof value === "boolean") return String(value);
  if (typeof value === "number") return String(value);
  const name = path.findLast((part) => typeof part === "string");
  const shown =
    typeof name === "string" && HARMLESS_TEXT.test(name) && value.length <= LONGEST_SHOWN;
  return shown ? JSON.stringify(value) : undefined;
}

/** `values/pg.yaml:12`. */
export function printPlace({ file, line }: Place): string {
  return `${file}:${line}`;
}

/** Errors first, then by file and line. */
export function sortFindings(findings: readonly Finding[]): Finding[] {
  return findings.toSorted(
    (a, b) =>
      Number(a.severity === "warning") - Number(b.severity === "warning") ||
      (a.at?.file ?? "").localeCompare(b.at?.file ?? "") ||
      (a.at?.line ?? 0) - (b.at?.line ?? 0) ||
      a.id.localeCompare(b.id),
  );
}
