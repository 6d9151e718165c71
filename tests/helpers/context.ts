/** A Context for tests that keeps what was said. */
import { testHost } from "./host.ts";
import type { AppEvent, Context } from "../../src/app/context.ts";
import type { TestHostOptions } from "./host.ts";

export interface TestContext extends Context {
  readonly said: readonly AppEvent[];
}

export function testContext(options: TestHostOptions = {}): TestContext {
  const said: AppEvent[] = [];
  return { host: testHost(options), talk: (event) => void said.push(event), ask: undefined, said };
}
