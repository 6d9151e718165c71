/** Counting what a test runner's JUnit report says; the one form Bun and Deno both write. */

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  /** Names of the tests that did not run. */
  readonly skipped: readonly string[];
}

/**
 * Counts the `testcase` elements of a report: with a `failure` or `error` in
 * it failed, with `skipped` skipped, otherwise passed. The totals that runners
 * write themselves differ in what they include, so they are not used.
 */
export function readJunit(xml: string): Counts {
  let passed = 0;
  let failed = 0;
  const skipped: string[] = [];
  // Test names and messages are escaped in the report, so `<` only begins a tag.
  for (const match of xml.matchAll(/<testcase\b([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g)) {
    const [, attributes = "", body = ""] = match;
    if (/<(failure|error)\b/.test(body)) failed++;
    else if (/<skipped\b/.test(body)) skipped.push(nameOf(attributes));
    else passed++;
  }
  return { passed, failed, skipped };
}

function nameOf(attributes: string): string {
  const name = /\bname="([^"]*)"/.exec(attributes)?.[1] ?? "";
  return name
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&apos;", "'")
    .replaceAll("&amp;", "&");
}
