/**
 * Go's regular expressions (RE2 with Perl flags), in which SOPS writes
 * `path_regex`, as JavaScript ones. Every construct is translated by its
 * meaning in Go; what Go refuses, or JavaScript cannot say, is refused, never
 * guessed: a rule that matches wrongly would encrypt for the wrong people.
 */
import { classEscape, escapeCharacter, readClass } from "./go-regex-class.ts";
import { GoRegexError, GoRegexReader } from "./go-regex-reader.ts";

export type CompiledRegex =
  | { readonly expression: RegExp }
  | { /** Completes "cannot be used: …". */ readonly reason: string };

interface Flags {
  readonly i: boolean;
  readonly m: boolean;
  readonly s: boolean;
}

/** Compiles a Go regular expression; it is unanchored, as Go's MatchString is. */
export function compileGoRegex(pattern: string): CompiledRegex {
  try {
    const source = new Translation(pattern).run();
    return { expression: new RegExp(source, "u") };
  } catch (error) {
    if (error instanceof GoRegexError) return { reason: error.message };
    if (error instanceof SyntaxError) return { reason: "it has no JavaScript equivalent" };
    throw error;
  }
}

/** `{2}`, `{2,}`, `{2,5}`; Go takes anything else, also `{01}`, for literal text. */
const COUNT = /^\{(0|[1-9]\d*)(?:(,)(0|[1-9]\d*)?)?\}/;
const COUNT_LIMIT = 1000;

class Translation {
  readonly #reader: GoRegexReader;
  #flags: Flags = { i: false, m: false, s: false };
  readonly #outer: Flags[] = [];
  readonly #names = new Set<string>();
  #output = "";
  /** Whether a repetition may follow: there is something to repeat, and it is not repeated yet. */
  #repeatable: "yes" | "nothing" | "repeated" = "nothing";

  constructor(pattern: string) {
    this.#reader = new GoRegexReader(pattern);
  }

  run(): string {
    const reader = this.#reader;
    while (!reader.atEnd) this.#step(reader.take());
    if (this.#outer.length > 0) throw new GoRegexError("a ( is not closed");
    return this.#output;
  }

  #step(character: string): void {
    switch (character) {
      case "*":
      case "+":
      case "?":
        return this.#repeat(character);
      case "{":
        return this.#count();
      case "(":
        return this.#open();
      case ")":
        return this.#close();
      case "|":
        this.#output += "|";
        this.#repeatable = "nothing";
        return;
      case ".":
        return this.#atom(this.#flags.s ? "[^]" : "[^\\n]");
      case "^":
        return this.#atom(this.#flags.m ? "(?:^|(?<=\\n))" : "(?:^)");
      case "$":
        return this.#atom(this.#flags.m ? "(?:$|(?=\\n))" : "(?:$)");
      case "[":
        return this.#atom(readClass(this.#reader, this.#flags.i));
      case "\\":
        return this.#escape();
      default:
        return this.#literal(character);
    }
  }

  #atom(source: string): void {
    this.#output += source;
    this.#repeatable = "yes";
  }

  #literal(character: string): void {
    const source = escapeCharacter(character);
    const folds = this.#flags.i && (/[A-Za-z]/.test(character) || character > "\x7f");
    this.#atom(folds ? `(?i:${source})` : source);
  }

  #repeat(operator: string): void {
    if (this.#repeatable === "nothing") throw new GoRegexError(`nothing stands before ${operator}`);
    if (this.#repeatable === "repeated") throw new GoRegexError(`${operator} repeats a repetition`);
    // Lazy or greedy makes no difference to whether something matches.
    const lazy = this.#reader.skip("?") ? "?" : "";
    this.#output += operator + lazy;
    this.#repeatable = "repeated";
  }

  #count(): void {
    const match = COUNT.exec(`{${this.#reader.rest}`);
    if (match === null) return this.#literal("{");
    const [text, low = "0", comma, high] = match;
    const minimum = Number(low);
    const maximum = comma === undefined ? minimum : Number(high ?? low);
    if (minimum > COUNT_LIMIT || maximum > COUNT_LIMIT || maximum < minimum) {
      throw new GoRegexError(`${text} is not a valid count`);
    }
    this.#reader.advance(text.length - 1);
    this.#repeat(text);
  }

  #open(): void {
    const reader = this.#reader;
    this.#repeatable = "nothing";
    if (!reader.skip("?")) {
      this.#outer.push(this.#flags);
      this.#output += "(?:";
      return;
    }
    const name = reader.match(/^P?<([A-Za-z0-9_]+)>/);
    if (name !== undefined) {
      if (this.#names.has(name)) throw new GoRegexError("two groups have the same name");
      this.#names.add(name);
      this.#outer.push(this.#flags);
      this.#output += "(?:";
      return;
    }
    const flags = reader.match(/^([imsU]*(?:-[imsU]+)?[:)])/);
    if (flags === undefined || flags === ")") {
      throw new GoRegexError(`Go knows no (?${reader.rest.slice(0, 2)}`);
    }
    if (flags.endsWith(":")) {
      this.#outer.push(this.#flags);
      this.#output += "(?:";
    }
    this.#setFlags(flags);
  }

  #setFlags(text: string): void {
    const [on = "", off = ""] = text.slice(0, -1).split("-");
    const { i, m, s } = this.#flags;
    this.#flags = {
      i: (i || on.includes("i")) && !off.includes("i"),
      m: (m || on.includes("m")) && !off.includes("m"),
      s: (s || on.includes("s")) && !off.includes("s"),
    };
  }

  #close(): void {
    const flags = this.#outer.pop();
    if (flags === undefined) throw new GoRegexError("a ) was never opened");
    this.#flags = flags;
    this.#atom(")");
  }

  #escape(): void {
    const reader = this.#reader;
    switch (reader.peek) {
      case "A":
        reader.take();
        return this.#atom("(?:^)");
      case "z":
        reader.take();
        return this.#atom("(?:$)");
      case "b":
      case "B":
        return this.#atom(`(?:\\${reader.take()})`);
      case "Q":
        reader.take();
        return this.#quoted();
      default: {
        const found = classEscape(reader, this.#flags.i);
        if (found === undefined) this.#literal(reader.escapedCharacter());
        else this.#atom(found);
      }
    }
  }

  #quoted(): void {
    const { rest } = this.#reader;
    const end = rest.indexOf("\\E");
    const text = end === -1 ? rest : rest.slice(0, end);
    for (const character of text) this.#literal(character);
    this.#reader.advance(end === -1 ? rest.length : end + 2);
  }
}
