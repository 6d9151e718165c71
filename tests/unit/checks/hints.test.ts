/** Every error that a person can cause says what to do next. */
import { describe, expect, test } from "bun:test";
import { readFileSync, readdirSync } from "node:fs";

const SOURCES = new URL("../../../src/", import.meta.url);

/** Codes that need no hint, and why. */
const WITHOUT: Readonly<Record<string, string>> = {
  ANOTHER_ARCHIVE: "what was read back differs, and READ_BACK says what to do",
  INTERRUPTED: "whoever stopped it knows what comes next",
  LOSS_UNKNOWN: "the plan of a restore shows its sentence, and goes on",
  TOO_LATE: "the restore shows its sentence as the reason why there is no safety backup",
  HELM_RELEASE_UNREADABLE: "its sentence becomes part of a warning, which has a hint",
};
/** Single places that need none. */
const REASONS: Readonly<Record<string, string>> = {
  "app/safety-backup.ts NO_ROOM": "as TOO_LATE",
  "k3s/save-error.ts code": "its options have to hold a hint",
};

interface Made {
  /** `app/loss.ts CODE`. */
  readonly name: string;
  readonly code: string;
  readonly hasHint: boolean;
}

/** Each `new OperatorError(…)` in a source text. */
function errorsIn(text: string, file: string): Made[] {
  return [...text.matchAll(/new OperatorError\(/g)].map(({ index, 0: { length } }) => {
    const call = callAt(text, index + length - 1);
    const [, first = "?", second = "?"] = /^\(\s*([^,]+),\s*([^,]+),/.exec(call) ?? [];
    const code = /^"([A-Z_0-9]+)"$/.exec(second)?.[1] ?? second;
    expect({ file, first }).not.toEqual({ file, first: "?" });
    return { name: `${file} ${code}`, code, hasHint: /\bhint\b|\bhintOf\(/.test(call) };
  });
}

/** The text from a parenthesis to the one that closes it; those in strings do not count. */
function callAt(text: string, start: number): string {
  const open: string[] = [];
  for (let at = start; at < text.length; at += 1) {
    const letter = text[at] ?? "";
    const inside = open.at(-1) ?? "";
    if ("\"'`".includes(inside) && inside !== "") {
      if (letter === "\\") at += 1;
      else if (letter === inside) open.pop();
      else if (inside === "`" && text.startsWith("${", at)) {
        open.push("{");
        at += 1;
      }
    } else if (text.startsWith("//", at)) at = text.indexOf("\n", at);
    else if ("\"'`([{".includes(letter)) open.push(letter);
    else if (")]}".includes(letter)) {
      open.pop();
      if (open.length === 0) return text.slice(start, at + 1);
    }
  }
  throw new Error("a call without an end");
}

const sources = readdirSync(SOURCES, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts"))
  .map((file) => ({ file, text: readFileSync(new URL(file, SOURCES), "utf8") }));
const made = sources.flatMap(({ file, text }) => errorsIn(text, file));

describe("errors", () => {
  test("all have a hint, but for a few that say why not", () => {
    expect(made.length).toBeGreaterThan(200);
    const bare = made.filter(({ hasHint }) => !hasHint);
    expect(
      bare
        .filter(({ code, name }) => !(code in WITHOUT) && !(name in REASONS))
        .map(({ name }) => name),
    ).toEqual([]);
  });

  test("have hints that are clauses: lower case, without a full stop, without a file of the docs", () => {
    const odd = sources.flatMap(({ file, text }) =>
      // Names begin with a capital too: K3s, RUNBOOK.md.
      [...text.matchAll(/\bhint:\s*("[^"\n]*"|`[^`\n]*`)/g)]
        .flatMap(([, hint = ""]) => (/^.(?:[A-Z][a-z]|A )|\.["`]$|docs\//.test(hint) ? [hint] : []))
        .map((hint) => `${file}: ${hint}`),
    );
    expect(odd).toEqual([]);
  });

  test("that are excused are still there without one", () => {
    const bare = made.filter(({ hasHint }) => !hasHint);
    for (const code of Object.keys(WITHOUT)) expect(bare.map((one) => one.code)).toContain(code);
    for (const name of Object.keys(REASONS)) expect(bare.map((one) => one.name)).toContain(name);
  });

  test("without a hint are seen, whatever stands in their sentences", () => {
    const text =
      'throw new OperatorError("usage", "A", `no ${f(")")}: "hint`);\nnew OperatorError(\n "usage",\n "B",\n m, { hint: "do" });';
    expect(errorsIn(text.replace('"hint', '"no'), "x.ts")).toEqual([
      { name: "x.ts A", code: "A", hasHint: false },
      { name: "x.ts B", code: "B", hasHint: true },
    ]);
  });
});
