/** Finding the checks in the sources, and taking one of them out. */
import { readFileSync } from "node:fs";
import { REPOSITORY } from "../../lab/places.ts";
import type { Row } from "./row.ts";

export interface Statement {
  readonly from: number;
  readonly to: number;
  readonly text: string;
  /** From the beginning of its line. */
  readonly line: string;
}

/** Every `throw` and every `yield` of a text (a problem of a manifest) in a source file below src/. */
export function statementsOf(file: string): Statement[] {
  const text = readFileSync(`${REPOSITORY}/src/${file}`, "utf8");
  return [...text.matchAll(/\bthrow (?=\w)|\byield (?=["`])/g)].map(({ index }) => {
    const to = endOfStatement(text, index);
    const line = text.slice(text.lastIndexOf("\n", index) + 1, to);
    return { from: index, to, text: text.slice(index, to), line };
  });
}

/** The one statement of a file that holds these words. Throws when there is none, or more. */
export function statementWith(file: string, words: string): Statement {
  const found = statementsOf(file).filter(({ line }) => line.includes(words));
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  throw new Error(
    `${found.length} checks in src/${file} say ${JSON.stringify(words)}: mend the table`,
  );
}

/** The `;` that ends a statement: outside brackets, texts and templates. */
function endOfStatement(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; at += 1) {
    const character = text[at] ?? "";
    if ("([{".includes(character)) depth += 1;
    else if (")]}".includes(character)) depth -= 1;
    else if (`"\`'`.includes(character)) at = text.indexOf(character, at + 1);
    else if (character === ";" && depth === 0) return at + 1;
  }
  throw new Error("a statement without end");
}

/** A module of the sources without the row's check, and its path. */
export function moduleWithout(row: Pick<Row, "file" | "site" | "off">): {
  readonly path: string;
  readonly text: string;
} {
  const path = `${REPOSITORY}/src/${row.file}`;
  let text = readFileSync(path, "utf8");
  for (const [from, to] of row.off ?? [[statementWith(row.file, row.site ?? "").line, ""]]) {
    if (text.split(from).length !== 2) throw new Error(`not once in src/${row.file}: ${from}`);
    text = text.replace(from, () => to);
  }
  return { path, text };
}
