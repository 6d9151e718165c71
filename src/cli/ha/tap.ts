/** Results as TAP 14 (testanything.org), one test point a check. */
import type { SmokeResult } from "../../ha/smoke/run.ts";

export function tapLines(results: readonly SmokeResult[]): string[] {
  return [
    "TAP version 14",
    `1..${results.length}`,
    ...results.flatMap((result, index) => pointOf(result, index + 1)),
  ];
}

function pointOf(result: SmokeResult, number: number): string[] {
  const { id, outcome, detail } = result;
  const said = (text: string): string =>
    text.replaceAll(/[\r\n]+/g, " ").replaceAll(/[\\#]/g, "\\$&");
  if (outcome === "skip") return [`ok ${number} - ${said(id)} # SKIP ${said(detail)}`];
  if (outcome === "ok") return [`ok ${number} - ${said(id)}: ${said(detail)}`];
  // JSON texts are YAML texts.
  return [
    `not ok ${number} - ${said(id)}`,
    "  ---",
    `  message: ${JSON.stringify(detail)}`,
    ...(result.hint === undefined ? [] : [`  hint: ${JSON.stringify(result.hint)}`]),
    `  duration_ms: ${Math.round(result.duration)}`,
    `  timeout_ms: ${result.timeout}`,
    "  ...",
  ];
}
