/** `expect` for Deno: the matchers our tests use, with Bun's meaning. */
import { AssertionError } from "node:assert";
import { inspect, isDeepStrictEqual } from "node:util";

type Check = (received: unknown, ...expected: unknown[]) => boolean;

const MATCHERS: Readonly<Record<string, Check>> = {
  toBe: (received, expected) => Object.is(received, expected),
  toEqual: (received, expected) => matches(received, expected, "equal"),
  toStrictEqual: (received, expected) => isDeepStrictEqual(received, expected),
  toMatchObject: (received, expected) => matches(received, expected, "subset"),
  toBeUndefined: (received) => received === undefined,
  toBeDefined: (received) => received !== undefined,
  toBeNull: (received) => received === null,
  toBeTrue: (received) => received === true,
  toBeFalse: (received) => received === false,
  toBeTruthy: Boolean,
  toBeFalsy: (received) => !received,
  toBeGreaterThan: (received, expected) => compare(received, expected) > 0,
  toBeGreaterThanOrEqual: (received, expected) => compare(received, expected) >= 0,
  toBeLessThan: (received, expected) => compare(received, expected) < 0,
  toBeLessThanOrEqual: (received, expected) => compare(received, expected) <= 0,
  toHaveLength: (received, expected) => Reflect.get(Object(received), "length") === expected,
  toBeEmpty: (received) => sizeOf(received) === 0,
  toBeInstanceOf: (received, expected) =>
    typeof expected === "function" && received instanceof expected,
  toHaveProperty: (received, key, ...value) => hasProperty(received, String(key), value),
  toContain: contains,
  toContainEqual: (received, expected) =>
    Array.isArray(received) && received.some((item) => matches(item, expected, "equal")),
  toMatch: (received, expected) =>
    typeof received === "string" &&
    (expected instanceof RegExp ? expected.test(received) : received.includes(String(expected))),
  toStartWith: (received, expected) =>
    typeof received === "string" && received.startsWith(String(expected)),
  toEndWith: (received, expected) =>
    typeof received === "string" && received.endsWith(String(expected)),
  toThrow: throws,
  toThrowError: throws,
};

/** Bun's `expect`; the result has every matcher, `not`, `rejects` and `resolves`. */
function expectValue(received: unknown, message?: string): unknown {
  const fail = (text: string): never => {
    throw new AssertionError({ message: message === undefined ? text : `${message}\n${text}` });
  };
  const sync = (negated: boolean) =>
    matchers((name, check, expected) => {
      if (check(received, ...expected) === negated)
        fail(sentence(received, name, expected, negated));
    });
  const settled = (want: "rejected" | "fulfilled", negated: boolean) =>
    matchers(async (name, check, expected) => {
      const promise = typeof received === "function" ? received() : received;
      const [result] = await Promise.allSettled([promise]);
      if (result.status !== want)
        fail(`expected the promise to be ${want}, it was ${result.status}`);
      const value = result.status === "rejected" ? result.reason : result.value;
      const subject =
        want === "rejected" && name.startsWith("toThrow") ? () => raise(value) : value;
      if (check(subject, ...expected) === negated) fail(sentence(value, name, expected, negated));
    });
  return {
    ...sync(false),
    not: sync(true),
    rejects: { ...settled("rejected", false), not: settled("rejected", true) },
    resolves: { ...settled("fulfilled", false), not: settled("fulfilled", true) },
  };
}

/** A value that equals whatever `accepts` says it does. */
class Asymmetric {
  readonly accepts: (value: unknown) => boolean;
  constructor(accepts: (value: unknown) => boolean) {
    this.accepts = accepts;
  }
}

export const expect = Object.assign(expectValue, {
  any: (type: unknown) =>
    new Asymmetric((value) => typeof type === "function" && Object(value) instanceof type),
  anything: () => new Asymmetric((value) => value !== undefined && value !== null),
  stringContaining: (part: string) =>
    new Asymmetric((value) => typeof value === "string" && value.includes(part)),
  stringMatching: (pattern: RegExp | string) =>
    new Asymmetric((value) => typeof value === "string" && new RegExp(pattern).test(value)),
  objectContaining: (part: object) => new Asymmetric((value) => matches(value, part, "subset")),
  arrayContaining: (part: readonly unknown[]) =>
    new Asymmetric(
      (value) =>
        Array.isArray(value) &&
        part.every((wanted) => value.some((item) => matches(item, wanted, "equal"))),
    ),
  unreachable: (why?: string) =>
    raise(new AssertionError({ message: why ?? "reached the unreachable" })),
});

function matchers(apply: (name: string, check: Check, expected: unknown[]) => unknown) {
  return Object.fromEntries(
    Object.entries(MATCHERS).map(([name, check]) => [
      name,
      (...expected: unknown[]) => apply(name, check, expected),
    ]),
  );
}

function raise(error: unknown): never {
  throw error;
}

function sentence(received: unknown, name: string, expected: unknown[], negated: boolean): string {
  const shown = expected.map((value) => inspect(value, { depth: 8 })).join(", ");
  const what = typeof received === "function" ? "function" : inspect(received, { depth: 8 });
  return `expect(${what})${negated ? ".not" : ""}.${name}(${shown})`;
}

function compare(left: unknown, right: unknown): number {
  const ordered = (value: unknown) => typeof value === "number" || typeof value === "bigint";
  if (!ordered(left) || !ordered(right)) return Number.NaN;
  const [a, b] = [left as number, right as number];
  return a < b ? -1 : a > b ? 1 : a == b ? 0 : Number.NaN;
}

function sizeOf(value: unknown): unknown {
  if (value instanceof Map || value instanceof Set) return value.size;
  if (typeof value === "string" || Array.isArray(value)) return value.length;
  return Object.keys(Object(value)).length;
}

function contains(received: unknown, expected: unknown): boolean {
  if (typeof received === "string") return received.includes(String(expected));
  return typeof received === "object" && received !== null && Symbol.iterator in received
    ? [...(received as Iterable<unknown>)].includes(expected)
    : false;
}

function hasProperty(received: unknown, path: string, value: readonly unknown[]): boolean {
  let holder: unknown = received;
  for (const key of path.split(".")) {
    if (!(key in Object(holder))) return false;
    holder = Reflect.get(Object(holder), key);
  }
  return value.length === 0 || matches(holder, value[0], "equal");
}

/** Bun's toThrow: a part of the message, a pattern, a class, or an error with the same message. */
function throws(received: unknown, expected?: unknown): boolean {
  if (typeof received !== "function")
    throw new AssertionError({ message: "toThrow needs a function" });
  let thrown: unknown;
  try {
    received();
    return false;
  } catch (error) {
    thrown = error;
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  if (expected === undefined) return true;
  if (expected instanceof RegExp) return expected.test(message);
  if (typeof expected === "string") return message.includes(expected);
  if (typeof expected === "function") return thrown instanceof expected;
  return expected instanceof Error
    ? message === expected.message
    : matches(thrown, expected, "subset");
}

/** Deep equality that, as Bun's toEqual, takes a missing key for an undefined one; `subset` ignores further keys. */
function matches(received: unknown, expected: unknown, mode: "equal" | "subset"): boolean {
  if (expected instanceof Asymmetric) return expected.accepts(received);
  if (!isPlain(received) || !isPlain(expected)) return isDeepStrictEqual(received, expected);
  if (Array.isArray(received) !== Array.isArray(expected)) return false;
  if (Array.isArray(received) && Array.isArray(expected) && received.length !== expected.length) {
    return false;
  }
  const keys = new Set([
    ...Object.keys(expected),
    ...(mode === "equal" ? Object.keys(received) : []),
  ]);
  return [...keys].every((key) =>
    matches(Reflect.get(received, key), Reflect.get(expected, key), mode),
  );
}

/** Objects and arrays whose fields are all there is to them. */
function isPlain(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  if (Array.isArray(value) || value instanceof Error) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return (
    !ArrayBuffer.isView(value) &&
    !(value instanceof Map || value instanceof Set || value instanceof Date) &&
    prototype !== RegExp.prototype
  );
}
