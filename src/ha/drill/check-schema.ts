/** A check of a component, as it stands in a drill file and in the list of `ha smoke`. */
import * as v from "valibot";
import {
  address,
  database,
  duration,
  passwordFrom,
  problemOf,
  text,
  whole,
} from "./schema-parts.ts";
import type { SchemaProblem } from "./schema-parts.ts";

/** What a check asserts; one of these stands in each check. `ha smoke` knows the same. */
const checkKinds = {
  pgpool: v.strictObject({
    ...database,
    nodes: whole,
    primaries: v.optional(whole, 1),
    /** Bytes a standby may lag behind. */
    maxDelay: v.optional(whole),
    /** Write a row through the pool and read it back. */
    write: v.optional(v.boolean(), true),
  }),
  pgbouncer: v.strictObject({ ...database, maxWaiting: v.optional(whole, 0) }),
  postgres: v.strictObject({ ...database, write: v.optional(v.boolean(), true) }),
  patroni: v.strictObject({
    members: v.pipe(v.array(address), v.minLength(1)),
    standbys: whole,
    synchronous: v.optional(whole, 0),
  }),
  sentinel: v.strictObject({
    sentinels: v.pipe(v.array(address), v.minLength(1)),
    master: text,
    replicas: v.optional(whole, 1),
    passwordFrom: v.optional(passwordFrom),
  }),
  http: v.strictObject({
    url: text,
    host: v.optional(text),
    status: v.optional(whole, 200),
    contains: v.optional(text),
    anyCertificate: v.optional(v.boolean(), false),
  }),
  endpoints: v.strictObject({
    namespace: text,
    service: text,
    min: v.optional(whole, 2),
    differentNodes: v.optional(v.boolean(), true),
  }),
  nodes: v.strictObject({ ready: whole }),
  etcd: v.strictObject({ voters: whole }),
  readyz: v.strictObject({}),
};

/** As it is written: one of the kinds has to be there. */
export const check = v.strictObject({
  id: text,
  timeout: v.optional(duration, "10s"),
  ...Object.fromEntries(
    Object.entries(checkKinds).map(([name, schema]) => [name, v.optional(schema)]),
  ),
});

export type CheckKind = keyof typeof checkKinds;
export type CheckSettings = { [Kind in CheckKind]: v.InferOutput<(typeof checkKinds)[Kind]> };
/** One check: its kind, and what it asserts. */
export type CheckSpec = {
  [Kind in CheckKind]: {
    readonly id: string;
    readonly timeout: number;
    readonly kind: Kind;
    readonly settings: CheckSettings[Kind];
  };
}[CheckKind];

/** A check out of parsed YAML, as `ha smoke` has them in a list; or every problem. */
export function parseCheck(
  value: unknown,
): { readonly check: CheckSpec } | { readonly problems: readonly SchemaProblem[] } {
  const result = v.safeParse(check, value);
  if (!result.success) return { problems: result.issues.map(problemOf) };
  const found = specOf(result.output);
  return found === undefined ? { problems: [{ path: "", message: onlyOne() }] } : { check: found };
}

/** What is wrong with a check of no kind, or of several. */
export function onlyOne(): string {
  return `needs exactly one of ${Object.keys(checkKinds).join(", ")}`;
}

/** A written check as the code works with it; undefined when it is of no kind, or of several. */
export function specOf(one: v.InferOutput<typeof check>): CheckSpec | undefined {
  const { id, timeout, ...kinds } = one;
  const given = Object.entries(kinds).filter(([, settings]) => settings !== undefined);
  const [first] = given;
  if (first === undefined || given.length > 1) return undefined;
  const spec = v.safeParse(specSchema, { id, timeout, kind: first[0], settings: first[1] });
  return spec.success ? spec.output : undefined;
}

/** The same once more, with the kind as a field: what the code works with. */
const settled = { id: v.string(), timeout: v.number() };
const specSchema = v.variant("kind", [
  v.object({ ...settled, kind: v.literal("pgpool"), settings: checkKinds.pgpool }),
  v.object({ ...settled, kind: v.literal("pgbouncer"), settings: checkKinds.pgbouncer }),
  v.object({ ...settled, kind: v.literal("postgres"), settings: checkKinds.postgres }),
  v.object({ ...settled, kind: v.literal("patroni"), settings: checkKinds.patroni }),
  v.object({ ...settled, kind: v.literal("sentinel"), settings: checkKinds.sentinel }),
  v.object({ ...settled, kind: v.literal("http"), settings: checkKinds.http }),
  v.object({ ...settled, kind: v.literal("endpoints"), settings: checkKinds.endpoints }),
  v.object({ ...settled, kind: v.literal("nodes"), settings: checkKinds.nodes }),
  v.object({ ...settled, kind: v.literal("etcd"), settings: checkKinds.etcd }),
  v.object({ ...settled, kind: v.literal("readyz"), settings: checkKinds.readyz }),
]);
