/** `ha/components.yaml`: which drill proves which component, and what the proof hangs on. */
import { dirname, resolve } from "node:path";
import * as v from "valibot";
import { parseDocument } from "yaml";
import { OperatorError } from "../errors.ts";
import { parsePin } from "./find-rules.ts";
import { parseReleaseName } from "./releases-file.ts";
import { schemaProblem } from "./schema-problem.ts";
import type { ChartPin } from "./find-rules.ts";
import type { ReleaseName } from "./releases-file.ts";

export const COMPONENTS_SCHEMA = "railiance.ha-components/1";
/** Where it is looked for, from the folder one stands in. */
export const COMPONENTS_FILE = "ha/components.yaml";

const text = v.pipe(v.string(), v.trim(), v.minLength(1));
const Components = v.strictObject({
  schema: v.literal(COMPONENTS_SCHEMA),
  components: v.pipe(
    v.array(
      v.strictObject({
        /** What it is called in `ha status`. */
        component: text,
        /** Drill file, relative to this file. */
        drill: text,
        /** `namespace/name`: chart and values are those of `releases.yaml` beside this file, unless given here. */
        release: v.optional(text),
        /** `name@version`. */
        chart: v.optional(text),
        /** In the order of helm's `-f`; relative to this file. */
        values: v.optional(v.pipe(v.array(text), v.minLength(1))),
        /** Days after which a pass no longer counts. */
        maxAgeDays: v.optional(v.pipe(v.number(), v.minValue(1))),
      }),
    ),
    v.minLength(1),
  ),
});

export interface Component {
  readonly name: string;
  /** Absolute. */
  readonly drill: string;
  readonly release: ReleaseName | undefined;
  /** Undefined: not given here. */
  readonly chart: ChartPin | undefined;
  /** Absolute; undefined: not given here. */
  readonly values: readonly string[] | undefined;
  readonly maxAgeDays: number | undefined;
}

/**
 * Reads the file `path` (absolute) with `content`. Throws OperatorErrors, exit
 * usage: `COMPONENTS_INVALID` with the place, `RELEASE_INVALID`, `CHART_INVALID`.
 */
export function parseComponents(content: string, path: string): readonly Component[] {
  const document = parseDocument(content, { prettyErrors: false, logLevel: "silent" });
  const [error] = document.errors;
  if (error !== undefined) {
    throw invalid(`${path}:${content.slice(0, error.pos[0]).split("\n").length} is not YAML`);
  }
  const value: unknown = document.toJS({ maxAliasCount: 100 });
  if (value === null) throw invalid(`${path} is empty; it must hold a list of components`);
  const parsed = v.safeParse(Components, value);
  if (!parsed.success) {
    throw invalid(`${path} does not list components: ${schemaProblem(parsed.issues[0])}`);
  }
  const folder = dirname(path);
  const components = parsed.output.components.map((one): Component => ({
    name: one.component,
    drill: resolve(folder, one.drill),
    release: one.release === undefined ? undefined : parseReleaseName(one.release),
    chart: one.chart === undefined ? undefined : parsePin(one.chart),
    values: one.values?.map((file) => resolve(folder, file)),
    maxAgeDays: one.maxAgeDays,
  }));
  const names = components.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw invalid(`${path} lists ${twice} twice`);
  return components;
}

function invalid(message: string): OperatorError {
  return new OperatorError("usage", "COMPONENTS_INVALID", message, {
    hint: "what it holds: railiance-cluster ha status --help",
  });
}
