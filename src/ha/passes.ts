/** `ha/passes.yaml`: the last pass of each component, small enough for version control and without secrets. */
import * as v from "valibot";
import { parseDocument, stringify } from "yaml";
import { OperatorError } from "../errors.ts";
import { schemaProblem } from "./schema-problem.ts";

export const PASSES_SCHEMA = "railiance.ha-passes/1";

const HEADER = `# The last pass of each component, for \`railiance-cluster ha status --strict\`.
# Written by \`railiance-cluster ha status --record\` from the reports of drills; keep it under version control.
`;

const digest = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
const Pass = v.object({
  component: v.string(),
  drill: v.string(),
  /** When the drill began, UTC. */
  date: v.pipe(v.string(), v.isoTimestamp()),
  /** Of the repository that holds this file; null where there is none. */
  commit: v.nullable(v.string()),
  /** Drill file, values or list of components differed from that commit. */
  uncommitted: v.boolean(),
  /** `name@version`; null where no chart is pinned. */
  chart: v.nullable(v.string()),
  /** Milliseconds. */
  gap: v.number(),
  window: v.number(),
  drillSha256: digest,
  /** As `hashValues` makes it; null where there are no values files. */
  values: v.nullable(v.string()),
  reportSha256: digest,
  toolVersion: v.string(),
});
export type Pass = v.InferOutput<typeof Pass>;

const Passes = v.object({ schema: v.literal(PASSES_SCHEMA), passes: v.array(Pass) });

/** Passes by component. Throws an OperatorError `PASSES_INVALID`, exit usage. */
export function parsePasses(content: string, path: string): ReadonlyMap<string, Pass> {
  const document = parseDocument(content, { prettyErrors: false, logLevel: "silent" });
  const parsed =
    document.errors.length > 0
      ? undefined
      : v.safeParse(Passes, document.toJS({ maxAliasCount: 100 }));
  if (parsed?.success !== true) {
    const why = parsed === undefined ? "it is not YAML" : schemaProblem(parsed.issues[0]);
    throw new OperatorError(
      "usage",
      "PASSES_INVALID",
      `cannot read the passes in ${path}: ${why}`,
      {
        hint: "it is written by railiance-cluster ha status --record: take it back from version control",
      },
    );
  }
  return new Map(parsed.output.passes.map((pass) => [pass.component, pass]));
}

/** The file's text, sorted by component so that two people's records merge. */
export function passesText(passes: Iterable<Pass>): string {
  const sorted = [...passes].sort((left, right) => (left.component < right.component ? -1 : 1));
  return HEADER + stringify({ schema: PASSES_SCHEMA, passes: sorted }, { lineWidth: 0 });
}
