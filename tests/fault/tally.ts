/** Counting rounds: one that is lost does not end the others, and all are in the table. */
import { expect } from "bun:test";
import { NotMet } from "./operations.ts";
import { SEED } from "./seed.ts";
import { recordFault } from "./rows.ts";
import { messageOf } from "../../src/errors.ts";

export interface Tally {
  /** Runs a round; false when it threw, which is a loss, or met no fault, which is no round. */
  round(what: string, action: () => Promise<void>): Promise<boolean>;
  /** Writes the row down, and fails when anything was lost. */
  close(): void;
}

export function tallyOf(family: string, fault: string): Tally {
  const lost: string[] = [];
  let tried = 0;
  let unmet = 0;
  return {
    async round(what, action) {
      tried += 1;
      if (tried % 10 === 0)
        console.error(`${family}, ${fault}: ${tried} tried, ${lost.length} lost`);
      try {
        await action();
        return true;
      } catch (error) {
        if (error instanceof NotMet) {
          tried -= 1;
          unmet += 1;
          return false;
        }
        const said = `${what}: ${messageOf(error)}`;
        console.error(`LOST (${family}, ${fault}, FAULT_SEED=${SEED}) ${said}`);
        lost.push(said);
        return false;
      }
    },
    close() {
      recordFault({ family, fault, tried, survived: tried - lost.length, lost: lost.length });
      expect(lost).toEqual([]);
      expect(tried).toBeGreaterThan(0);
      // Now and then load moves what is counted; a fault that never comes would be no test.
      expect(unmet).toBeLessThanOrEqual(1 + tried / 10);
    },
  };
}
