/** Values as charts and users write them: small alphabets, so that keys meet; nulls, odd words and odd characters. */
import fc from "fast-check";

const KEYS = ["a", "b", "c", "global", "sub", "yes", "__proto__", "constructor", "<<", "1", "a.b"];
const WORDS = [
  "yes",
  "no",
  "on",
  "off",
  "y",
  "N",
  "True",
  "null",
  "~",
  "",
  "0777",
  "0o17",
  "0x1F",
  "1_000",
  "1e3",
  ".5",
  "-.inf",
  "12:30:45",
  "2001-01-01",
  "2001-01-01T10:00:00Z",
  "=",
  "<<",
  "-",
  "- a",
  "? a",
  ": a",
  "a: b",
  "a #b",
  "#a",
  "*a",
  "&a",
  "!a",
  "!!str a",
  "%a",
  "@a",
  "`a",
  "{a}",
  "[a]",
  "'a'",
  '"a"',
  "a\\b",
  " a",
  "a ",
  "a\tb",
  "\ta",
  "---",
  "...",
  "a\nb",
  "a\n",
  "\na",
  " a\nb",
  "a \nb",
  "a\n\n\nb\n\n",
  "a\r\nb",
  "a\u0085b",
  "a\u2028b",
  "\ufeffa",
  "\u007f",
  "ä€😀",
  "a\n  b\n c\n",
  "a\n---\nb\n",
  "a\n...\n",
  "#a\nb",
  "a: b\nc: d\n",
  "- a\n- b\n",
  "x\n\t\n",
  "{{ .Values.a }}",
  "\u0000",
  "\u001b[31m",
];

export const text: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...WORDS) },
  { weight: 2, arbitrary: fc.string({ maxLength: 12 }) },
  { weight: 1, arbitrary: fc.string({ unit: "grapheme", maxLength: 8 }) },
  {
    weight: 1,
    arbitrary: fc
      .array(fc.constantFrom(...WORDS), { maxLength: 4 })
      .map((lines) => lines.join("\n")),
  },
);

const scalar: fc.Arbitrary<unknown> = fc.oneof(
  text,
  fc.boolean(),
  fc.constant(null),
  fc.integer(),
  fc
    .double({ noNaN: true, noDefaultInfinity: true })
    .map((number) => (Object.is(number, -0) ? 0 : number)),
);

/** A table of values as parsed JSON, up to four deep. */
export const values: fc.Arbitrary<Record<string, unknown>> = tableOf(3);

function tableOf(depth: number): fc.Arbitrary<Record<string, unknown>> {
  const key = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...KEYS) },
    { weight: 1, arbitrary: text },
  );
  const value =
    depth === 0 ? scalar : fc.oneof(scalar, tableOf(depth - 1), fc.array(scalar, { maxLength: 3 }));
  return fc
    .array(fc.tuple(key, value), { maxLength: 5 })
    .map((pairs): Record<string, unknown> => JSON.parse(objectText(pairs)));
}

/** By way of text, because a literal cannot have an own key `__proto__`. */
function objectText(pairs: readonly (readonly [string, unknown])[]): string {
  const unique = new Map(pairs);
  return `{${[...unique].map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(",")}}`;
}
