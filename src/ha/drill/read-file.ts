/** A drill file, or one sentence with file and line for everything that is wrong with it. */
import { LineCounter, isNode, parseDocument } from "yaml";
import { OperatorError } from "../../errors.ts";
import { readTextIfPresent } from "../../sys/files.ts";
import { parseDrill } from "./schema.ts";
import type { Document } from "yaml";
import type { Drill } from "./schema.ts";
import type { SchemaProblem } from "./schema-parts.ts";

const SHOWN = 5;

export interface DrillFile {
  readonly path: string;
  readonly text: string;
  readonly drill: Drill;
}

/** Throws an OperatorError: `NO_DRILL_FILE`, `DRILL_INVALID`. */
export async function readDrillFile(path: string): Promise<DrillFile> {
  const text = await readTextIfPresent(path);
  if (text === undefined) {
    throw new OperatorError("usage", "NO_DRILL_FILE", `there is no drill file ${path}`, {
      hint: "what it holds: railiance-cluster ha drill --help",
    });
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  const [broken] = document.errors;
  if (broken !== undefined) {
    const line = broken.linePos?.[0].line ?? 1;
    throw invalid(
      `${path}:${line}: ${broken.message.split("\n")[0]?.replace(/ at line \d+, column \d+:?$/, "") ?? "not YAML"}`,
    );
  }
  const content: unknown = document.toJS();
  if (content === null) throw invalid(`${path} is empty; it must hold a drill`);
  const parsed = parseDrill(content);
  if ("drill" in parsed) return { path, text, drill: parsed.drill };
  const shown = parsed.problems
    .slice(0, SHOWN)
    .map((problem) => place(problem, { path, document, lines }));
  const more = parsed.problems.length - SHOWN;
  throw invalid(`${shown.join("; ")}${more > 0 ? `; and ${more} more` : ""}`);
}

/** The line of the nearest place in the file that is there. */
function place(
  problem: SchemaProblem,
  file: { readonly path: string; readonly document: Document; readonly lines: LineCounter },
): string {
  const keys = problem.path === "" ? [] : problem.path.split(".");
  const said = `${problem.path} ${problem.message}`.trim();
  for (let length = keys.length; length >= 0; length -= 1) {
    const path = keys.slice(0, length).map((key) => (/^\d+$/.test(key) ? Number(key) : key));
    const node: unknown = length === 0 ? file.document.contents : file.document.getIn(path, true);
    const start = isNode(node) ? node.range?.[0] : undefined;
    if (start === undefined) continue;
    const { line } = file.lines.linePos(start);
    return `${file.path}:${line}: ${said}`;
  }
  return `${file.path}: ${said}`;
}

function invalid(message: string): OperatorError {
  return new OperatorError("usage", "DRILL_INVALID", message, {
    hint: "what it holds: railiance-cluster ha drill --help",
  });
}
