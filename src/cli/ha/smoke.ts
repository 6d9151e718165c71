/** `railiance-cluster ha smoke` */
import { resolve } from "node:path";
import { SMOKE_FILE, haSmoke } from "../../app/ha-smoke.ts";
import { OperatorError } from "../../errors.ts";
import { tapLines } from "./tap.ts";
import { count } from "../../words.ts";
import { COMMON_FLAGS, DATA_DIR, DIR, directoryOf, pathOf } from "../args.ts";
import { usage } from "../argv.ts";
import { wrap } from "../format.ts";
import { HA } from "./group.ts";
import { CHECKS_SAMPLE } from "./samples.ts";
import type { SmokeReport } from "../../app/ha-smoke.ts";
import type { SmokeResult } from "../../ha/smoke/run.ts";
import type { Command, Input, Outcome } from "../command.ts";

const COLUMNS = 100;
/** A day, and what a nightly timer may be late. */
const INTERVAL = "26h";
const UNITS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

export const haSmokeCommand: Command = {
  name: "ha smoke",
  group: HA,
  summary: "check the cluster, and the pooler, proxy or balancer of each component",
  about:
    "Nine checks of the cluster of this host: API server, nodes, etcd, DNS, Traefik, load balancers, volumes and pods, helm releases, backup. Then the checks of components in the list: not whether something answers, but whether a failover would work (one primary that pgpool knows, a quorum of sentinels, endpoints on different nodes). All of them run, then it is judged; what does not apply says skip, and why. Nothing in the cluster is changed, with one exception: checks of the list that write and read back do so in a table railiance_smoke of their own (PostgreSQL; switch it off with write: false) or under the key railiance:smoke (Redis, gone after a minute). Ends with 12 when a check fails or none applies, with 5 where there is neither a K3s server nor a list.",
  flags: [
    {
      name: "file",
      kind: "text",
      value: "FILE",
      help: `list of checks of components (default ${SMOKE_FILE}, when it is there)`,
    },
    { name: "tap", kind: "boolean", help: "print TAP 14 on stdout" },
    { name: "nodes", kind: "text", value: "N", help: "how many nodes there should be" },
    {
      name: "interval",
      kind: "text",
      value: "AGE",
      help: `how old the newest backup may be, such as 90m, 26h or 7d (default ${INTERVAL})`,
    },
    DIR,
    DATA_DIR,
    ...COMMON_FLAGS,
  ],
  positionals: [],
  examples: [
    { does: "cluster, and components of ha/smoke.yaml", run: "ha smoke --nodes 3" },
    { does: "for a test harness", run: "ha smoke --tap" },
    {
      does: "what failed, for a program",
      run: "ha smoke --json | jq -r '.checks[] | select(.outcome == \"fail\") | .id'",
    },
  ],
  samples: [CHECKS_SAMPLE],
  exits: ["drillFailed", "precondition"],
  keepsResult: true,
  async run(input, context) {
    if (input.has("tap") && input.has("json")) {
      throw usage("ha smoke prints either --tap or --json", { name: "ha smoke" });
    }
    const report = await haSmoke(context, {
      checks: {
        path: pathOf(input, "file", context) ?? resolve(context.workingDirectory, SMOKE_FILE),
        given: input.text("file") !== undefined,
      },
      directory: directoryOf(input, context),
      dataDir: pathOf(input, "data-dir", context),
      nodes: nodesOf(input),
      interval: intervalOf(input.text("interval") ?? INTERVAL),
    });
    return outcomeOf(report, input);
  },
};

function outcomeOf({ results, passed }: SmokeReport, input: Input): Outcome {
  const quiet = input.has("quiet");
  const shown = results.filter(({ outcome }) => !quiet || outcome === "fail");
  return {
    exit: passed ? "ok" : "drillFailed",
    lines: input.has("tap") ? tapLines(results) : shown.flatMap(linesOf),
    failures: passed ? [] : [failureOf(results)],
    fields: { checks: results.map(fieldsOf) },
  };
}

function failureOf(results: readonly SmokeResult[]): OperatorError {
  const failed = results.filter(({ outcome }) => outcome === "fail").map(({ id }) => id);
  if (failed.length === 0) {
    const said = "no check applied, so nothing is proven";
    return new OperatorError("drillFailed", "SMOKE_FAILED", said, {
      hint: "run it on a K3s server, or list the components: railiance-cluster ha smoke --help",
    });
  }
  const said = `${count(failed.length, "check")} of ${results.length} failed: ${failed.join(", ")}`;
  return new OperatorError("drillFailed", "SMOKE_FAILED", said, {
    hint: "what to look at stands below each check that failed",
  });
}

function linesOf({ id, outcome, detail, hint }: SmokeResult): string[] {
  return [
    `${outcome.padEnd(5)}${id}: ${detail}`,
    ...(hint === undefined ? [] : wrap(hint, COLUMNS, 5)),
  ];
}

function fieldsOf({ id, outcome, detail, hint, duration, timeout }: SmokeResult) {
  return {
    id,
    outcome,
    detail,
    ...(hint === undefined ? {} : { hint }),
    duration_ms: Math.round(duration),
    timeout_ms: timeout,
  };
}

function nodesOf(input: Input): number | undefined {
  const text = input.text("nodes");
  if (text === undefined) return undefined;
  if (/^[1-9]\d{0,4}$/.test(text)) return Number(text);
  throw usage(`--nodes wants a number of nodes, not ${JSON.stringify(text)}`, { name: "ha smoke" });
}

function intervalOf(text: string): number {
  const [, number, unit] = /^(\d+)([mhd])$/.exec(text) ?? [];
  const factor = UNITS[unit ?? ""];
  if (number !== undefined && factor !== undefined) return Number(number) * factor;
  throw usage(`--interval wants an age such as 26h or 7d, not ${JSON.stringify(text)}`, {
    name: "ha smoke",
  });
}
