/** What the test files that act on a stage have in common. */
import { afterAll, afterEach, beforeAll, setDefaultTimeout } from "bun:test";
import { skipWithoutLab } from "../server.ts";
import { openStage } from "./stage.ts";
import type { BareServerOptions } from "../server.ts";
import type { Stage } from "./stage.ts";

export interface StageOptions extends BareServerOptions {
  /** K3s is not stopped between two tests. */
  readonly runsOn?: boolean;
}

/**
 * Opens one stage for all tests of the file that calls this, and gives it away; after each test
 * K3s is stopped. Returns whether the tests are to be skipped: then there is none.
 */
export function stageForFile(use: (stage: Stage) => void, options: StageOptions = {}): boolean {
  setDefaultTimeout(90_000);
  const { runsOn, ...server } = options;
  const skipped = skipWithoutLab();
  let stage: Stage | undefined;
  beforeAll(async () => {
    if (skipped) return;
    stage = await openStage(server);
    use(stage);
  });
  afterAll(() => stage?.[Symbol.asyncDispose]());
  afterEach(async () => {
    if (runsOn !== true) await stage?.stop();
  });
  return skipped;
}
