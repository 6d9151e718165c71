import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parse } from "yaml";
import { computedValues } from "../../../src/assets/helm-values.ts";
import { toYaml } from "../../../src/assets/helm-yaml.ts";
import { text, values } from "./arbitraries.ts";
import { canonical, randomCases } from "./golden.ts";

describe("computedValues()", () => {
  test(`agrees with the real helm on ${randomCases.length} random charts and users`, () => {
    expect(randomCases.length).toBeGreaterThan(100);
    for (const { defaults, user, all } of randomCases) {
      expect(canonical(computedValues(defaults, user))).toBe(canonical(all));
    }
  });

  test("lets a user's null remove a default, at the top and below", () => {
    const chart = { a: 1, m: { x: 1, y: 2 } };
    expect(canonical(computedValues(chart, { a: null, m: { x: null } }))).toBe('{"m":{"y":2}}');
  });

  test("keeps a user's null below a table of the chart that has no such default", () => {
    expect(canonical(computedValues({ m: { y: null } }, { m: { y: null, z: null } }))).toBe(
      '{"m":{"y":null,"z":null}}',
    );
  });

  test("changes neither the chart's nor the user's values", () => {
    fc.assert(
      fc.property(values, values, (chart, user) => {
        const before = canonical([chart, user]);
        computedValues(chart, user);
        expect(canonical([chart, user])).toBe(before);
      }),
    );
  });

  test("takes a key __proto__ as a key like any other", () => {
    const user: Record<string, unknown> = JSON.parse('{"__proto__": {"polluted": true}}');
    expect(canonical(computedValues({}, user))).toBe('{"__proto__":{"polluted":true}}');
    expect("polluted" in {}).toBe(false);
  });
});

describe("toYaml()", () => {
  test("still writes the very text that the real helm read right", () => {
    for (const { user, yaml } of randomCases) expect(toYaml(user)).toBe(yaml);
  });

  test("is read back as written by YAML 1.1 and YAML 1.2 readers", () => {
    fc.assert(
      fc.property(values, (value) => {
        const yaml = toYaml(value);
        for (const version of ["1.1", "1.2"] as const) {
          const read: unknown = parse(yaml, { version, mapAsMap: true });
          expect(canonical(plain(read))).toBe(canonical(value));
        }
      }),
      { numRuns: 500 },
    );
  });

  test("writes only characters that YAML allows", () => {
    fc.assert(
      fc.property(text, (value) => {
        const yaml = toYaml({ [value]: value });
        expect(/(?!\n|\t)[\p{Cc}\p{Cs}\u2028\u2029\ufeff]/u.test(yaml)).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  test("writes a text of several lines as a block that a person can read", () => {
    expect(toYaml({ config: "a: 1\n  b: 2\n" })).toBe("config: |\n  a: 1\n    b: 2\n");
  });

  test("writes a text of several lines with hidden characters in quotes", () => {
    for (const hidden of ["\u0085", "\u001b", "\u2028", "\ufeff", "\u007f"]) {
      const value = `a\nb${hidden}c\n`;
      expect(toYaml({ value })).toContain('value: "a');
      expect(parse(toYaml({ value }), { version: "1.1" })).toEqual({ value });
    }
  });

  test("quotes what only some YAML 1.1 readers take for a number", () => {
    expect(toYaml(["E0", "e-12", "E0x"])).toBe('- "E0"\n- "e-12"\n- E0x\n');
  });

  test("does not fold long lines", () => {
    const long = "word ".repeat(100).trim();
    expect(toYaml({ a: long })).toBe(`a: ${long}\n`);
  });

  test("writes nothing supplied as helm does", () => {
    expect(toYaml(null)).toBe("null\n");
  });
});

/** Maps, in which no key is special, back to tables. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (!(value instanceof Map)) return value;
  const result: Record<string, unknown> = { __proto__: null };
  for (const [key, inner] of value) result[String(key)] = plain(inner);
  return result;
}
