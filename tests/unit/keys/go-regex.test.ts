import { describe, expect, test } from "bun:test";
import { compileGoRegex } from "../../../src/keys/go-regex.ts";

/** Whether each text matches, or why the expression cannot be used. */
function matching(pattern: string, texts: readonly string[]): readonly boolean[] | string {
  const compiled = compileGoRegex(pattern);
  return "reason" in compiled
    ? compiled.reason
    : texts.map((text) => compiled.expression.test(text));
}

// The answers are those of Go 1.26's regexp package.
const ANSWERS: readonly [pattern: string, yes: readonly string[], no: readonly string[]][] = [
  ["", ["", "x"], []],
  ["secrets", ["a/secrets/b", "secrets"], ["Secrets"]],
  ["\\.tar\\.zst\\.age$", ["x.tar.zst.age"], ["x.tar.zst.age.bak", "xxtarxzstxage"]],
  ["^cluster/.*\\.age$", ["cluster/a.age"], ["x/cluster/a.age", "cluster/a\n.age"]],
  ["\\Acluster\\z", ["cluster"], ["cluster\n", "xcluster"]],
  ["a$", ["a", "ba"], ["a\n"]],
  ["(?m)^a$", ["a", "x\na\ny"], ["xa"]],
  ["(?s)a.b", ["a\nb", "axb"], ["ab"]],
  ["a.b", ["axb", "a\rb", "a\u2028b", "a😀b"], ["a\nb"]],
  ["^.$", ["😀"], ["", "ab"]],
  ["(?i)prod", ["PROD", "prod"], ["pro"]],
  ["(?i:p)rod", ["Prod", "prod"], ["pROD"]],
  ["(?i)p(?-i)rod", ["Prod"], ["PROD"]],
  ["(a(?i)b|c)d", ["aBd", "Cd", "abd"], ["Abd", "abD"]],
  ["(?i)k", ["k", "K", "\u212a"], ["j"]],
  ["(?i)[^k]", ["j"], ["k", "K", "\u212a"]],
  ["^\\s$", [" ", "\t", "\f"], ["\v", "\u00a0"]],
  ["^\\w+$", ["a_Z9"], ["é", ""]],
  ["^\\d$", ["7"], ["٣"]],
  ["^[[:alpha:]_]+$", ["a_b"], ["a1", ":"]],
  ["^[[:^digit:]]$", ["a", "é"], ["1"]],
  ["^[]a]+$", ["]a]"], ["b"]],
  ["^[^]a]$", ["b", "\n"], ["]", "a"]],
  ["^[a\\-z]$", ["a", "-", "z"], ["b"]],
  ["^[\\d.-]+$", ["1.2-3"], ["a"]],
  ["^\\pL+$", ["aé"], ["1"]],
  ["^\\p{Greek}$", ["α"], ["a"]],
  ["^\\P{^Greek}$", ["α"], ["a"]],
  ["^\\Qa.b*\\E+$", ["a.b**"], ["axb"]],
  ["^\\x41\\x{42}\\103$", ["ABC"], ["abc"]],
  ["^a{2,3}$", ["aa", "aaa"], ["a", "aaaa"]],
  ["^a{,2}$", ["a{,2}"], ["aa"]],
  ["^a{01}$", ["a{01}"], ["a"]],
  ["^(?P<env>dev|prod)/(?<name>.+)$", ["dev/x"], ["test/x"]],
  ["\\/a\\_\\-", ["/a_-"], ["a"]],
  ["^*$", [""], []],
  ["(a|b)*?c", ["c", "abc"], ["ab"]],
];

describe("compileGoRegex()", () => {
  for (const [pattern, yes, no] of ANSWERS) {
    test(`matches as Go does: ${pattern}`, () => {
      const expected = [...yes.map(() => true), ...no.map(() => false)];
      expect(matching(pattern, [...yes, ...no])).toEqual(expected);
    });
  }

  // All of these are errors in Go as well, but for the last two.
  for (const pattern of [
    "(?=a)",
    "(?!a)",
    "(?<=a)",
    "(?<!a)",
    "(?>a)",
    "(a)\\1",
    "\\Z",
    "\\G",
    "\\C",
    "\\e",
    "a**",
    "a{2}{3}",
    "*a",
    "(|+)",
    "a{1001}",
    "a{3,2}",
    "(a",
    "a)",
    "[a",
    "[]",
    "[z-a]",
    "[a-\\d]",
    "[[:foo:]]",
    "\\p{Foo}",
    "\\x{110000}",
    "\\xZ",
    "a\\",
    "(?P<a>x)(?P<a>y)",
    "(?P=a)",
    "(?x)a",
    "(?#c)",
    "(?i)[\\W]",
    "(?i)\\P{Lu}",
  ]) {
    test(`refuses rather than guesses: ${pattern}`, () => {
      expect(typeof matching(pattern, [])).toBe("string");
    });
  }
});
