/** Reading a Go regular expression character by character (code points), with Go's escapes. */

/** Why an expression cannot be used; only inside the translation. */
export class GoRegexError extends Error {
  override readonly name = "GoRegexError";
}

const NAMED: Readonly<Record<string, number>> = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 };

export class GoRegexReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get atEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  /** The next character, or an empty text at the end. */
  get peek(): string {
    const code = this.#text.codePointAt(this.#at);
    return code === undefined ? "" : String.fromCodePoint(code);
  }

  get rest(): string {
    return this.#text.slice(this.#at);
  }

  /** The next character; throws at the end. */
  take(): string {
    const character = this.peek;
    if (character === "") throw new GoRegexError("it ends too early");
    this.#at += character.length;
    return character;
  }

  /** Goes on by a number of UTF-16 units. */
  advance(units: number): void {
    this.#at += units;
  }

  /** Takes `text` when it comes next. */
  skip(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  /** Takes what `expression` (anchored with ^) matches and returns its first group. */
  match(expression: RegExp): string | undefined {
    const found = expression.exec(this.rest);
    if (found === null) return undefined;
    this.#at += found[0].length;
    return found[1];
  }

  /** The character that an escape stands for; the backslash is taken already. */
  escapedCharacter(): string {
    const octal = this.match(/^(0[0-7]{0,2}|[1-7][0-7]{1,2})/);
    if (octal !== undefined) return String.fromCodePoint(Number.parseInt(octal, 8));
    const braced = this.match(/^x\{([0-9A-Fa-f]+)\}/);
    const hexadecimal = braced ?? this.match(/^x([0-9A-Fa-f]{2})/);
    if (hexadecimal !== undefined) {
      const code = Number.parseInt(hexadecimal, 16);
      if (code > 0x10ffff) throw new GoRegexError(`\\x{${hexadecimal}} is no character`);
      return String.fromCodePoint(code);
    }
    const character = this.take();
    const named = NAMED[character];
    if (named !== undefined) return String.fromCodePoint(named);
    // Any other ASCII character but letters and digits stands for itself.
    if (character < "\x80" && !/[A-Za-z0-9]/.test(character)) return character;
    throw new GoRegexError(`Go knows no \\${character}`);
  }
}
