/** A drill file (`railiance/drill/v1`): what must hold, what is probed, what is killed, how soon it must be back. */
import * as v from "valibot";
import { check, onlyOne, specOf } from "./check-schema.ts";
import { kill } from "./kill-schema.ts";
import { probe } from "./probe-schema.ts";
import { duration, problemOf, text, whole } from "./schema-parts.ts";
import { target } from "./target-schema.ts";
import type { CheckSpec } from "./check-schema.ts";
import type { SchemaProblem } from "./schema-parts.ts";

export const DRILL_VERSION = "railiance/drill/v1";

const drill = v.strictObject({
  apiVersion: v.literal(DRILL_VERSION, `must be ${DRILL_VERSION}`),
  name: v.pipe(
    v.string(),
    v.regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "must be lower case words with hyphens"),
  ),
  about: v.optional(text),
  component: v.optional(v.strictObject({ namespace: text, release: text })),
  guards: v.optional(
    v.strictObject({
      /** `key=value` that the killed pod, or its node, has to carry. */
      requireLabel: v.optional(
        v.pipe(v.string(), v.regex(/^[\w./-]+=[\w.-]*$/, 'must be "key=value"')),
      ),
      maxBackupAge: v.optional(duration),
      healthyReplicas: v.optional(whole),
      /** Local time of day. */
      window: v.optional(
        v.pipe(
          v.string(),
          v.regex(
            /^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$/,
            'must be "02:00-05:00"',
          ),
          v.check((text) => text.slice(0, 5) !== text.slice(6), "begins when it ends"),
        ),
      ),
    }),
    {},
  ),
  steadyState: v.pipe(v.array(check), v.minLength(1, "needs at least one check")),
  baseline: v.optional(duration, "3s"),
  probe,
  target,
  kill,
  recovery: v.strictObject({
    window: duration,
    consecutive: v.optional(v.pipe(whole, v.minValue(1)), 5),
    maxUnavailable: v.optional(duration),
    maxLostAcked: v.optional(whole, 0),
    /** False where nothing changes hands, as behind a balancer of equals. */
    primaryChanges: v.optional(v.boolean(), true),
  }),
  after: v.optional(v.array(check), []),
  abort: v.optional(v.strictObject({ timeout: v.optional(duration, "10m") }), {}),
});

type Parsed = v.InferOutput<typeof drill>;
export type Drill = Omit<Parsed, "steadyState" | "after"> & {
  readonly steadyState: readonly CheckSpec[];
  readonly after: readonly CheckSpec[];
};

/** A drill out of parsed YAML, or every problem with its path. */
export function parseDrill(
  value: unknown,
): { readonly drill: Drill } | { readonly problems: readonly SchemaProblem[] } {
  const result = v.safeParse(drill, value);
  if (!result.success) return { problems: result.issues.map(problemOf) };
  const problems: SchemaProblem[] = [];
  const checks = (name: "steadyState" | "after"): CheckSpec[] =>
    result.output[name].flatMap((one, index) => {
      const found = specOf(one);
      if (found === undefined) problems.push({ path: `${name}.${index}`, message: onlyOne() });
      return found ?? [];
    });
  const parsed = { ...result.output, steadyState: checks("steadyState"), after: checks("after") };
  const { baseline, recovery, abort } = result.output;
  if (abort.timeout <= baseline + recovery.window) {
    problems.push({
      path: "abort.timeout",
      message:
        "must be longer than baseline and recovery.window together, or nothing can ever pass",
    });
  }
  return problems.length > 0 ? { problems } : { drill: parsed };
}
