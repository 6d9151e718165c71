/** Counting what a test runner's JUnit report says; the one form Bun and Deno both write. */

export interface Counts {
  readonly passed: number;
  readonly failed: readonly Failure[];
  /** Names of the tests that did not run. */
  readonly skipped: readonly string[];
}

export interface Failure {
  /** `group > test`, and where it stands when the runner says. */
  readonly name: string;
  /** What the runner says went wrong; no empty lines. */
  readonly message: readonly string[];
}

/**
 * Reads the `testcase` elements of a report: with a `failure` or `error` in
 * it failed, with `skipped` skipped, otherwise passed. The totals that runners
 * write themselves differ in what they include, so they are not used.
 */
export function readJunit(xml: string): Counts {
  let passed = 0;
  const failed: Failure[] = [];
  const skipped: string[] = [];
  // Test names and messages are escaped in the report, so `<` only begins a tag.
  for (const match of xml.matchAll(/<testcase\b([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g)) {
    const [, attributes = "", body = ""] = match;
    if (/<(failure|error)\b/.test(body)) failed.push(failureOf(attributes, body));
    else if (/<skipped\b/.test(body)) skipped.push(attribute(attributes, "name"));
    else passed++;
  }
  return { passed, failed, skipped };
}

function failureOf(attributes: string, body: string): Failure {
  const group = attribute(attributes, "classname");
  const file = attribute(attributes, "file");
  const line = attribute(attributes, "line");
  const name = attribute(attributes, "name");
  const where = file === "" ? "" : ` (${file}${line === "" ? "" : `:${line}`})`;
  const text = /<(?:failure|error)\b([^>]*?)(?:\/>|>([\s\S]*?)<\/(?:failure|error)>)/.exec(body);
  const said = text?.[2] ?? "";
  return {
    name: `${group === "" ? "" : `${group} > `}${name}${where}`,
    message: unescaped(said === "" ? attribute(text?.[1] ?? "", "message") : said)
      .split("\n")
      .map((one) => one.trimEnd())
      .filter((one) => one !== ""),
  };
}

function attribute(attributes: string, name: string): string {
  return unescaped(new RegExp(`(?:^|\\s)${name}="([^"]*)"`).exec(attributes)?.[1] ?? "");
}

function unescaped(text: string): string {
  return text
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&apos;", "'")
    .replaceAll("&#10;", "\n")
    .replaceAll("&amp;", "&");
}
