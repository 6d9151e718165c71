/** What stands in several places of a drill file: durations, addresses, where a password is. */
import * as v from "valibot";

/** `200ms`, `30s`, `5m`, `24h` as milliseconds. */
export const duration = v.pipe(
  v.string(),
  v.regex(/^\d+(\.\d+)?(ms|s|m|h)$/, 'must be a duration like "200ms", "30s" or "5m"'),
  v.transform((text) => {
    const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
    const unit = /[a-z]+$/.exec(text)?.[0];
    return (
      Number.parseFloat(text) *
      (unit === "ms" || unit === "s" || unit === "m" || unit === "h" ? units[unit] : 1)
    );
  }),
);
export const text = v.pipe(v.string(), v.minLength(1, "must not be empty"));
/** `host:port`; in a cluster `SERVICE.NAMESPACE:port` is looked up as that Service's cluster address. */
export const address = v.pipe(v.string(), v.regex(/^\[?[\w.:-]+\]?:\d+$/, 'must be "host:port"'));
export const whole = v.pipe(
  v.number(),
  v.integer("must be a whole number"),
  v.minValue(0, "must not be negative"),
);

/** Where a password is; never the password itself. */
export const passwordFrom = v.union([
  v.strictObject({ file: text }),
  v.strictObject({ secret: v.strictObject({ namespace: text, name: text, key: text }) }),
]);

/** How a database is reached. */
export const database = {
  via: address,
  user: v.optional(text, "postgres"),
  database: v.optional(text, "postgres"),
  passwordFrom: v.optional(passwordFrom),
};

export type PasswordFrom = v.InferOutput<typeof passwordFrom>;

export interface SchemaProblem {
  /** `recovery.window`. */
  readonly path: string;
  readonly message: string;
}

/** A problem as the library finds it, with its path in words. */
export function problemOf(issue: v.BaseIssue<unknown>): SchemaProblem {
  const path = (issue.path ?? []).map(({ key }) => String(key)).join(".");
  return { path, message: issue.message };
}
