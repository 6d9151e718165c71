/** The newest local backup is young enough and was proven (facts/operations.md 5.1, row 9). */
import { spanText } from "../../words.ts";
import { fail, ok } from "./check.ts";
import type { SmokeOutcome } from "./check.ts";

export interface BackupFacts {
  /** Milliseconds. */
  readonly age: number;
  readonly name: string;
  /** When an archive of the folder was last verified; undefined: never. */
  readonly verified: string | undefined;
  /** Status word of the last `verify` on this host when that was not ok. */
  readonly lastVerify: string | undefined;
}

/** `interval`: how old the newest may be, in milliseconds. */
export function judgeBackup(facts: BackupFacts | undefined, interval: number): SmokeOutcome {
  if (facts === undefined)
    return fail("there is no backup on this host", "railiance-cluster backup");
  const age = `the newest backup is ${spanText(facts.age)} old`;
  if (facts.age > interval) {
    return fail(
      `${age}, older than ${spanText(interval)} (${facts.name})`,
      "railiance-cluster backup; does its timer run? systemctl list-timers",
    );
  }
  if (facts.lastVerify !== undefined) {
    return fail(
      `${age}, but the last verify ended ${facts.lastVerify}`,
      "railiance-cluster verify",
    );
  }
  if (facts.verified === undefined) {
    return fail(`${age}, but no backup here was ever verified`, "railiance-cluster verify");
  }
  return ok(`${age}, last verified ${facts.verified.slice(0, 10)}`);
}
