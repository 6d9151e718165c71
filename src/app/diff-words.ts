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

/** What is counted and not listed: `leases 57, events 3`, or undefined when there is nothing. */
export function churnText({ churn }: Comparison): string | undefined {
  const sums = churnCounts(churn);
  const texts = Object.entries(sums).map(([reason, number]) => `${reason} ${number}`);
  return texts.length === 0 ? undefined : texts.join(", ");
}

/** How much of each kind of noise there is. */
export function churnCounts(churn: Comparison["churn"]): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const { reason } of churn) sums[reason] = (sums[reason] ?? 0) + 1;
  return sums;
}

/** A few names, those first that people are most likely to have made: `default/configmap/a, node/b, and 12 more`. */
export function someNames(differences: readonly Difference[]): string {
  const ranked: Difference[][] = [[], [], []];
  // Walking 100,000 of them is nothing; sorting them for four names would not be.
  for (const one of differences) ranked[rankOf(one.key)]?.push(one);
  const shown = ranked.flat().slice(0, NAMES_SHOWN).map(nameOf);
  const more = differences.length - shown.length;
  return more === 0 ? shown.join(", ") : `${shown.join(", ")}, and ${more} more`;
}

/** 0: an operator's; 1: of the whole cluster, or of Kubernetes itself; 2: made from something else. */
function rankOf(key: string): 0 | 1 | 2 {
  const object = parseObjectKey(key);
  if (object === undefined) return 0;
  const { resource, namespace } = object;
  if (DERIVED.has(resource) || isHelmRecord(key) || IN_EVERY_NAMESPACE.test(key)) return 2;
  return namespace === undefined || namespace.startsWith("kube-") ? 1 : 0;
}

type Words = Readonly<Record<Change, (number: number) => string>>;

const DIFF_WORDS: Words = {
  created: () => "created",
  changed: () => "changed",
  recreated: () => "made anew",
  deleted: () => "deleted",
};

const LOSS_WORDS: Words = {
  ...DIFF_WORDS,
  deleted: (number) => (number === 1 ? "deleted then comes back" : "deleted then come back"),
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
    const head = `${SIGNS[change]} ${count(found.length, "object")} ${words[change](found.length)}`;
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
