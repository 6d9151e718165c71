/** Character classes of Go regular expressions: `[…]`, `\d`, `\pL`, `[[:alpha:]]`. */
import { GoRegexError } from "./go-regex-reader.ts";
import type { GoRegexReader } from "./go-regex-reader.ts";

type Range = readonly [low: number, high: number];

const LAST = 0x10ffff;
const DIGIT: readonly Range[] = [[0x30, 0x39]];
const UPPER: readonly Range[] = [[0x41, 0x5a]];
const LOWER: readonly Range[] = [[0x61, 0x7a]];
const WORD: readonly Range[] = [...DIGIT, ...UPPER, [0x5f, 0x5f], ...LOWER];
/** Go's `\s` has no vertical tab and nothing outside ASCII; JavaScript's has both. */
const PERL: Readonly<Record<string, readonly Range[]>> = {
  d: DIGIT,
  s: [
    [0x09, 0x0a],
    [0x0c, 0x0d],
    [0x20, 0x20],
  ],
  w: WORD,
};
const POSIX: Readonly<Record<string, readonly Range[]>> = {
  alnum: [...DIGIT, ...UPPER, ...LOWER],
  alpha: [...UPPER, ...LOWER],
  ascii: [[0x00, 0x7f]],
  blank: [
    [0x09, 0x09],
    [0x20, 0x20],
  ],
  cntrl: [
    [0x00, 0x1f],
    [0x7f, 0x7f],
  ],
  digit: DIGIT,
  graph: [[0x21, 0x7e]],
  lower: LOWER,
  print: [[0x20, 0x7e]],
  punct: [
    [0x21, 0x2f],
    [0x3a, 0x40],
    [0x5b, 0x60],
    [0x7b, 0x7e],
  ],
  space: [
    [0x09, 0x0d],
    [0x20, 0x20],
  ],
  upper: UPPER,
  word: WORD,
  xdigit: [...DIGIT, [0x41, 0x46], [0x61, 0x66]],
};

/** One character as JavaScript source, valid in and outside classes. */
export function escapeCharacter(character: string): string {
  return /^[A-Za-z0-9]$/.test(character) ? character : escapeCode(character.codePointAt(0) ?? 0);
}

/** `\d`, `\pL` and the like, after the backslash, as a class of its own; undefined (nothing taken) when something else follows. */
export function classEscape(reader: GoRegexReader, fold: boolean): string | undefined {
  const inside = classItem(reader, fold);
  return inside === undefined ? undefined : whole(`[${inside}]`, fold);
}

/** A `[…]` class, after its opening bracket. */
export function readClass(reader: GoRegexReader, fold: boolean): string {
  const negated = reader.skip("^") ? "^" : "";
  let items = "";
  let first = true;
  while (first || !reader.skip("]")) {
    if (reader.atEnd) throw new GoRegexError("a [ is not closed");
    first = false;
    items += classPart(reader, fold);
  }
  return whole(`[${negated}${items}]`, fold);
}

function classPart(reader: GoRegexReader, fold: boolean): string {
  const posix = reader.match(/^\[:([^]*?):\]/);
  if (posix !== undefined) return posixClass(posix, fold);
  if (reader.rest.startsWith("\\")) {
    reader.take();
    const item = classItem(reader, fold);
    if (item !== undefined) return item;
    return rangeFrom(reader.escapedCharacter(), reader);
  }
  return rangeFrom(reader.take(), reader);
}

/** A single character, or a range when `-` and another character follow. */
function rangeFrom(low: string, reader: GoRegexReader): string {
  if (!/^-[^\]]/u.test(reader.rest)) return escapeCharacter(low);
  reader.take();
  const high = reader.skip("\\") ? reader.escapedCharacter() : reader.take();
  if ((low.codePointAt(0) ?? 0) > (high.codePointAt(0) ?? 0)) {
    throw new GoRegexError(`the range ${low}-${high} is the wrong way round`);
  }
  return `${escapeCharacter(low)}-${escapeCharacter(high)}`;
}

function classItem(reader: GoRegexReader, fold: boolean): string | undefined {
  const perl = reader.match(/^([dswDSW])/);
  if (perl !== undefined) {
    const name = perl.toLowerCase();
    return ranges(PERL[name] ?? [], { negated: perl !== name, fold });
  }
  const property = reader.match(/^([pP](?:\{[^}]*\}|[A-Za-z]))/);
  return property === undefined ? undefined : unicodeClass(property, fold);
}

function posixClass(name: string, fold: boolean): string {
  const negated = name.startsWith("^");
  const known = POSIX[negated ? name.slice(1) : name];
  if (known === undefined) throw new GoRegexError("Go knows no such [:class:]");
  return ranges(known, { negated, fold });
}

/** `pL`, `p{Greek}`, `P{^Lu}`: Go means a general category or a script. */
function unicodeClass(text: string, fold: boolean): string {
  const name = text.slice(1).replace(/^\{\^?|\}$/g, "");
  const negated = text.startsWith("P") !== text.includes("^");
  if (negated && fold) refuseFoldedNegation();
  const letter = negated ? "P" : "p";
  const isCategory = /^[A-Z][a-z]?$/.test(name) || name === "Any";
  return isCategory ? `\\${letter}{${name}}` : `\\${letter}{Script=${name}}`;
}

function ranges(
  list: readonly Range[],
  options: { readonly negated: boolean; readonly fold: boolean },
): string {
  if (!options.negated) return list.map(rangeSource).join("");
  const hasLetters = list.some(([low, high]) => low <= 0x7a && high >= 0x41);
  if (options.fold && hasLetters) refuseFoldedNegation();
  const gaps: Range[] = [];
  let next = 0;
  for (const [low, high] of list.toSorted((a, b) => a[0] - b[0])) {
    if (low > next) gaps.push([next, low - 1]);
    next = high + 1;
  }
  if (next <= LAST) gaps.push([next, LAST]);
  return gaps.map(rangeSource).join("");
}

/** Go folds before it negates, JavaScript after: `(?i)\W` would mean something else. */
function refuseFoldedNegation(): never {
  throw new GoRegexError("a negated class under (?i) cannot be translated");
}

function rangeSource([low, high]: Range): string {
  return low === high ? escapeCode(low) : `${escapeCode(low)}-${escapeCode(high)}`;
}

function escapeCode(code: number): string {
  return `\\u{${code.toString(16)}}`;
}

function whole(source: string, fold: boolean): string {
  return fold ? `(?i:${source})` : source;
}
