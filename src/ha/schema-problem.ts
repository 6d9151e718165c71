/** What a schema did not like, without quoting what it found: it may be a secret in the wrong file. */
import * as v from "valibot";

/** `releases.0.chart must be string`. */
export function schemaProblem(issue: v.BaseIssue<unknown>): string {
  const place = v.getDotPath(issue) ?? "the file";
  if (issue.type === "check" || issue.type === "regex") return `${place} ${issue.message}`;
  if (issue.type === "strict_object" && issue.expected === "never") return `${place} is not known`;
  return `${place} must be ${issue.expected ?? "something else"}`;
}
