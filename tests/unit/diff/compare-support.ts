/** Comparisons in a form that a test can read. */
import { printKey } from "../../../src/datastore/object-key.ts";
import type { Change, Comparison } from "../../../src/datastore/compare.ts";

/** The keys with this change, in a form to compare. */
export function named({ differences }: Comparison, change: Change): string[] {
  return differences
    .filter((one) => one.change === change)
    .map(({ key }) => printKey(key))
    .sort();
}
