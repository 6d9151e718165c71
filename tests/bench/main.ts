/**
 * `make bench`: our work beside the programs an operator would use, on one bare
 * server, in turn. Prints medians and the ratio round by round; claims nothing
 * about other machines. `bun tests/bench/main.ts [NAME…]`, BENCH_ROUNDS, BENCH_MB.
 */
import { cpus, loadavg, totalmem } from "node:os";
import { backupPairs, restorePair } from "./pairs.ts";
import { measure, median } from "./rounds.ts";
import { startBenchServer } from "./server.ts";
import type { Outcome } from "./rounds.ts";

const rounds = Number(process.env["BENCH_ROUNDS"] ?? 5);
const megabytes = Number(process.env["BENCH_MB"] ?? 320);
const wanted = process.argv.slice(2);

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function milliseconds(sorted: readonly number[]): string {
  const show = (value: number | undefined): string =>
    value === undefined ? "?" : `${(value / 1000).toFixed(value < 1000 ? 3 : 2)}`;
  return `${show(median(sorted))} s (${show(sorted[0])} to ${show(sorted.at(-1))})`;
}

function row({ name, about, target, ours, theirs, ratios }: Outcome): void {
  const middle = median(ratios);
  const verdict = middle >= target ? "met" : "NOT met";
  say(`\n${name}: ${about}`);
  say(`  ours    ${milliseconds(ours)}`);
  say(`  theirs  ${milliseconds(theirs)}`);
  say(
    `  ratio   ${middle.toFixed(2)} times as fast (${ratios.map((ratio) => ratio.toFixed(2)).join(" ")}); wanted ${target.toFixed(2)}: ${verdict}`,
  );
}

say(
  `${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, load ${loadavg()[0]?.toFixed(1)}; ${rounds} rounds in turn after one that does not count; data of ${megabytes} MiB
On a bare server of the lab: real etcd and API server behind a stand-in for K3s's own front (tests/lab/README.md).`,
);
await using bench = await startBenchServer(megabytes);
for (const pair of [...backupPairs(bench), restorePair(bench)]) {
  if (wanted.length > 0 && !wanted.includes(pair.name)) continue;
  row(await measure(pair, rounds));
}
