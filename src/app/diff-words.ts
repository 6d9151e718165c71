/** A comparison in a few lines, for `diff` and for the plan of a restore. */
import { isHelmRecord } from "../datastore/helm-records.ts";
import { parseObjectKey, printKey } from "../datastore/object-key.ts";
import { count } from "../words.ts";
import type { Change, Comparison, Difference } from "../datastore/compare.ts";
import type { HelmMove } from "../datastore/helm-records.ts";

/** In the order in which they are told. */
export const CHANGES: readonly Change[] = ["created", "changed", "recreated", "deleted"];

export const SIGNS: Readonly<Record<Change, string>> = {
  created: "+",
  changed: "~",
  recreated: "*",
  deleted: "-",
};

/** Names on one line. */
const NAMES_SHOWN = 4;

/** Kinds that controllers make from others: named last. */
const DERIVED = new Set([
  "controllerrevisions",
  "endpoints",
  "endpointslices",
  "ipaddresses",
  "pods",
  "replicasets",
]);
/** Objects that every namespace gets. */
const IN_EVERY_NAMESPACE =
  /^\/registry\/(?:configmaps\/[^/]+\/kube-root-ca\.crt|serviceaccounts\/[^/]+\/default)$/;

/** The differences of one kind. */
export function differencesOf({ differences }: Comparison, change: Change): Difference[] {
  return differences.filter((one) => one.change === change);
}

/** What is counted and not listed: `57 leases, 3 events`, or undefined when there is nothing. */
export function churnText({ churn }: Comparison): string | undefined {
  const sums = churnCounts(churn);
  const texts = Object.entries(sums).map(([reason, number]) => `${number} ${reason}`);
  return texts.length === 0 ? undefined : texts.join(", ");
}

/** How much of each kind of noise there is. */
export function churnCounts(churn: Comparison["churn"]): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const { reason } of churn) sums[reason] = (sums[reason] ?? 0) + 1;
  return sums;
}

/** A few names, those first that people made: `default/configmap/a, node/b, and 12 more`. */
export function someNames(differences: readonly Difference[]): string {
  const ranked = differences.filter(({ key }) => !isDerived(key));
  // Walking 100,000 of them twice is nothing; sorting them for four names would not be.
  if (ranked.length < NAMES_SHOWN) ranked.push(...differences.filter(({ key }) => isDerived(key)));
  const shown = ranked.slice(0, NAMES_SHOWN).map(({ key }) => printKey(key));
  const more = differences.length - shown.length;
  return more === 0 ? shown.join(", ") : `${shown.join(", ")}, and ${more} more`;
}

function isDerived(key: string): boolean {
  return (
    isHelmRecord(key) ||
    IN_EVERY_NAMESPACE.test(key) ||
    DERIVED.has(parseObjectKey(key)?.resource ?? "")
  );
}

const DIFF_WORDS: Readonly<Record<Change, string>> = {
  created: "created",
  changed: "changed",
  recreated: "made anew under the same name",
  deleted: "deleted",
};

const LOSS_WORDS: Readonly<Record<Change, string>> = {
  created: "created",
  changed: "changed",
  recreated: "made anew under the same name",
  deleted: "deleted then come back",
};

/** A line for each kind of change, sign first and names aligned; empty when nothing differs. */
export function changeLines(
  comparison: Comparison,
  options: { readonly view: "diff" | "loss" },
): string[] {
  const words = options.view === "diff" ? DIFF_WORDS : LOSS_WORDS;
  const rows: { head: string; names: string }[] = [];
  for (const change of CHANGES) {
    const found = differencesOf(comparison, change);
    if (found.length === 0) continue;
    const head = `${SIGNS[change]} ${count(found.length, "object")} ${words[change]}`;
    rows.push({ head, names: someNames(found) });
  }
  const width = Math.max(0, ...rows.map(({ head }) => head.length));
  return rows.map(({ head, names }) => `${head.padEnd(width)}   ${names}`);
}

/** Where a release went: `shop/web 11 -> 12`, or with `back` where a restore takes it: `shop/web 12 -> 11`. */
export function helmText(move: HelmMove, options: { readonly back: boolean }): string {
  const name = `${move.namespace}/${move.name}`;
  const [from, to] = options.back ? [move.newer, move.older] : [move.older, move.newer];
  if (from === undefined)
    return `${name} ${options.back ? "comes back at" : "new at"} ${to ?? "?"}`;
  if (to === undefined) return `${name} ${from} -> gone`;
  return move.reinstalled ? `${name} ${to}, installed anew` : `${name} ${from} -> ${to}`;
}

/** The object of a difference for people: `default/configmap/web`. */
export function nameOf({ key }: Difference): string {
  return printKey(key);
}
