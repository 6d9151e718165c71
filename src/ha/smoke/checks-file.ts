/** The list of component checks (`ha/smoke.yaml`): the same checks that drills have before and after. */
import { LineCounter, isNode, parseDocument } from "yaml";
import { OperatorError } from "../../errors.ts";
import { parseCheck } from "../drill/check-schema.ts";
import type { CheckSpec } from "../drill/check-schema.ts";

/** The checks in a file's text. Throws an OperatorError `SMOKE_FILE_INVALID`, exit usage, with every problem and its line. */
export function parseChecks(text: string, file: string): readonly CheckSpec[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  const [broken] = document.errors;
  if (broken !== undefined) {
    throw invalid([`${file}:${broken.linePos?.[0].line ?? 1}: ${broken.message.split("\n")[0]}`]);
  }
  const list: unknown = document.toJS();
  if (list === null) throw invalid([`${file} is empty; it must hold a list of checks`]);
  if (!Array.isArray(list)) throw invalid([`${file}:1: must be a list of checks`]);
  const problems: string[] = [];
  const checks: CheckSpec[] = [];
  for (const [index, one] of Array.from<unknown>(list).entries()) {
    const node: unknown = document.getIn([index], true);
    const line = lines.linePos(isNode(node) ? (node.range?.[0] ?? 0) : 0).line;
    const parsed = parseCheck(one);
    if ("problems" in parsed) {
      const said = parsed.problems.map(({ path, message }) => `${path} ${message}`.trim());
      problems.push(...said.map((problem) => `${file}:${line}: ${problem}`));
    } else if (checks.some(({ id }) => id === parsed.check.id)) {
      problems.push(`${file}:${line}: the id ${parsed.check.id} is there twice`);
    } else checks.push(parsed.check);
  }
  if (problems.length > 0) throw invalid(problems);
  return checks;
}

function invalid(problems: readonly string[]): OperatorError {
  return new OperatorError("usage", "SMOKE_FILE_INVALID", problems.join("; "), {
    hint: "what it holds: railiance-cluster ha smoke --help",
  });
}
