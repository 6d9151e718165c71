/**
 * Stands in for `bun:test` under Deno, so that the same test files run there:
 * `describe`, `test`, hooks and `expect`, on Deno.test. Only what our tests use;
 * anything else fails loudly as "not a function".
 */
export { expect } from "./expect.ts";

type Action = () => unknown;

interface Suite {
  readonly name: string;
  readonly before: Action[];
  readonly after: Action[];
  readonly beforeAll: Action[];
  readonly afterAll: Action[];
}

interface DenoTest {
  test(definition: {
    name: string;
    fn: () => Promise<void>;
    ignore?: boolean;
    sanitizeOps: boolean;
    sanitizeResources: boolean;
    sanitizeExit: boolean;
  }): void;
}

declare const Deno: DenoTest;

const open: Suite[] = [newSuite("")];
/** Suites whose beforeAll has run, and how many of their tests are left. */
const left = new Map<Suite, number>();

function newSuite(name: string): Suite {
  return { name, before: [], after: [], beforeAll: [], afterAll: [] };
}

function current(): Suite {
  const suite = open.at(-1);
  if (suite === undefined) throw new TypeError("no open suite");
  return suite;
}

function describeSuite(name: string, body: Action): void {
  open.push(newSuite(name));
  body();
  open.pop();
}

function addTest(name: string, run: Action, _timeout?: unknown): void {
  add(name, run, false);
}

function add(name: string, run: Action, ignore: boolean): void {
  const suites = [...open];
  if (!ignore) for (const suite of suites) left.set(suite, (left.get(suite) ?? 0) + 1);
  Deno.test({
    name: [...suites.map((suite) => suite.name), name].filter((part) => part !== "").join(" > "),
    ignore,
    // Bun's runner has no such checks: what a test leaves open is found by our own tests of disposal.
    sanitizeOps: false,
    sanitizeResources: false,
    sanitizeExit: false,
    fn: () => runInSuites(suites, run),
  });
}

const begun = new Set<Suite>();

async function runInSuites(suites: readonly Suite[], run: Action): Promise<void> {
  for (const suite of suites) {
    if (begun.has(suite)) continue;
    begun.add(suite);
    for (const hook of suite.beforeAll) await hook();
  }
  try {
    for (const suite of suites) for (const hook of suite.before) await hook();
    await run();
  } finally {
    for (const suite of suites.toReversed()) {
      for (const hook of suite.after) await hook();
      const rest = (left.get(suite) ?? 1) - 1;
      left.set(suite, rest);
      if (rest === 0) for (const hook of suite.afterAll) await hook();
    }
  }
}

/** `test.each(rows)(name, body)`: each row's values fill `%s`, `%i`, `%p`, `%j` and `%#` of the name. */
function each(rows: readonly unknown[]) {
  return (name: string, body: (...values: unknown[]) => unknown): void => {
    rows.forEach((row, index) => {
      const values = Array.isArray(row) ? row : [row];
      const rest = [...values];
      const filled = name.replace(/%[sdifjpo#%]/g, (mark) => {
        if (mark === "%%") return "%";
        return mark === "%#" ? String(index) : String(rest.shift());
      });
      add(filled, () => body(...values), false);
    });
  };
}

const skip = (name: string, run: Action): void => add(name, run, true);
const skipIf = (condition: unknown) => (name: string, run: Action) =>
  add(name, run, Boolean(condition));
const describeIf = (condition: unknown) => (name: string, body: Action) => {
  if (condition) describeSuite(name, body);
};

export const test = Object.assign(addTest, { each, skip, skipIf });
export const it = test;
export const describe = Object.assign(describeSuite, {
  if: describeIf,
  skipIf: (condition: unknown) => describeIf(!condition),
});

export function beforeEach(hook: Action): void {
  current().before.push(hook);
}
export function afterEach(hook: Action): void {
  current().after.unshift(hook);
}
export function beforeAll(hook: Action): void {
  current().beforeAll.push(hook);
}
export function afterAll(hook: Action): void {
  current().afterAll.unshift(hook);
}

/** Bun's knob for slow suites; Deno has no time-out to set. */
export function setDefaultTimeout(_milliseconds: number): void {}
