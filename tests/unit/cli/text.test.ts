import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { escapeControl, escapeLines } from "../../../src/cli/escape.ts";
import { formatAge, formatDuration, formatTime, table, wrap } from "../../../src/cli/format.ts";
import { newRunId } from "../../../src/cli/run-id.ts";
import { chooseStyle } from "../../../src/cli/style.ts";

describe("escapeControl()", () => {
  test("shows escape sequences instead of sending them", () => {
    expect(escapeControl("a\u001b[31mb")).toBe("a\\u{1b}[31mb");
    expect(escapeControl("one\ntwo\r\tthree\u0007")).toBe("one\\ntwo\\r\\tthree\\u{7}");
  });

  test("shows marks that reorder text", () => {
    expect(escapeControl("abc\u202ecba")).toBe("abc\\u{202e}cba");
  });

  test("leaves printable text of every script alone", () => {
    expect(escapeControl("Zürich 東京 ✔ 🚀")).toBe("Zürich 東京 ✔ 🚀");
  });

  test("lets no control character through, whatever comes", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 0x2070 })), (codes) => {
        const text = String.fromCodePoint(...codes);
        expect(/[\p{Cc}\u2028\u2029\u202a-\u202e]/u.test(escapeControl(text))).toBe(false);
      }),
    );
  });

  test("keeps the lines of a hint apart", () => {
    expect(escapeLines("one\n two\u0000")).toEqual(["one", " two\\u{0}"]);
  });
});

describe("chooseStyle()", () => {
  const red = (choice: { isTerminal?: boolean; noColor?: boolean; env?: Record<string, string> }) =>
    chooseStyle({ isTerminal: false, noColor: false, env: {}, ...choice }).red("x") !== "x";

  test("colours a terminal and nothing else", () => {
    expect(red({ isTerminal: true })).toBe(true);
    expect(red({})).toBe(false);
    expect(red({ isTerminal: true, env: { TERM: "dumb" } })).toBe(false);
  });

  test("obeys --no-color, NO_COLOR with any value, and FORCE_COLOR", () => {
    expect(red({ isTerminal: true, noColor: true })).toBe(false);
    expect(red({ isTerminal: true, env: { NO_COLOR: "no" } })).toBe(false);
    expect(red({ isTerminal: true, env: { NO_COLOR: "" } })).toBe(true);
    expect(red({ env: { FORCE_COLOR: "1" } })).toBe(true);
    expect(red({ isTerminal: true, env: { FORCE_COLOR: "0" } })).toBe(false);
    expect(red({ env: { FORCE_COLOR: "1", NO_COLOR: "1" } })).toBe(false);
  });

  test("uses glyphs beyond ASCII only when the locale says UTF-8", () => {
    const done = (env: Record<string, string>) =>
      chooseStyle({ isTerminal: true, noColor: false, env }).glyphs.done;
    expect(done({ LANG: "C.UTF-8" })).toBe("✔");
    expect(done({ LANG: "de_DE.utf8" })).toBe("✔");
    expect(done({ LANG: "C.UTF-8", LC_ALL: "C" })).toBe("ok");
    expect(done({ LANG: "C.UTF-8", LC_ALL: "" })).toBe("✔");
    expect(done({})).toBe("ok");
  });
});

describe("formats", () => {
  test("formatDuration() keeps tenths only while they matter", () => {
    expect([40, 1234, 9940, 9960, 61_000, 119_600, 185_000].map(formatDuration)).toEqual([
      "0.0 s",
      "1.2 s",
      "9.9 s",
      "10 s",
      "61 s",
      "2 min 00 s",
      "3 min 05 s",
    ]);
  });

  test("formatAge() and formatTime() read as people say it", () => {
    const then = new Date("2026-11-23T02:31:07Z");
    const after = (minutes: number) => formatAge(then, new Date(then.getTime() + minutes * 60_000));
    expect([0, 5, 119, 120, 600, 2880, 8640].map(after)).toEqual([
      "just now",
      "5 min ago",
      "119 min ago",
      "2 h ago",
      "10 h ago",
      "2 days ago",
      "6 days ago",
    ]);
    expect(after(-10)).toBe("in the future");
    expect(formatTime("2026-11-23T02:31:07Z")).toBe("2026-11-23 02:31 UTC");
  });

  test("table() aligns columns and leaves no spaces at the end", () => {
    const rows = [
      ["a", "1", "x"],
      ["bbb", "22", ""],
    ];
    expect(table(rows, [1])).toEqual(["a     1  x", "bbb  22"]);
  });

  test("wrap() breaks between words only", () => {
    expect(wrap("one two three", 9, 2)).toEqual(["  one two", "  three"]);
  });
});

describe("newRunId()", () => {
  test("sorts by time and is a ULID", () => {
    const early = newRunId(new Date("2026-11-23T02:31:07Z"));
    const late = newRunId(new Date("2026-11-23T02:31:08Z"));
    expect(early).toMatch(/^[0-9A-HJKMNP-TV-Z]{26}$/);
    expect(early < late).toBe(true);
    // 2016-07-30T23:54:10.259Z is the example of the ULID specification.
    expect(newRunId(new Date(1469922850259)).slice(0, 10)).toBe("01ARZ3NDEK");
  });
});
