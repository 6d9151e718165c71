/** A drill file (`railiance/drill/v1`): what must hold, what is probed, what is killed, how soon it must be back. */
import * as v from "valibot";

export const DRILL_VERSION = "railiance/drill/v1";

/** `200ms`, `30s`, `5m`, `24h` as milliseconds. */
const duration = v.pipe(
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
const text = v.pipe(v.string(), v.minLength(1, "must not be empty"));
/** `host:port`; in a cluster `SERVICE.NAMESPACE:port` is looked up as that Service's cluster address. */
const address = v.pipe(v.string(), v.regex(/^\[?[\w.:-]+\]?:\d+$/, 'must be "host:port"'));
const whole = v.pipe(
  v.number(),
  v.integer("must be a whole number"),
  v.minValue(0, "must not be negative"),
);

/** Where a password is; never the password itself. */
const passwordFrom = v.union([
  v.strictObject({ file: text }),
  v.strictObject({ secret: v.strictObject({ namespace: text, name: text, key: text }) }),
]);

const database = {
  via: address,
  user: v.optional(text, "postgres"),
  database: v.optional(text, "postgres"),
  passwordFrom: v.optional(passwordFrom),
};

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
  patroni: v.strictObject({ members: v.pipe(v.array(address), v.minLength(1)), standbys: whole }),
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

const check = v.strictObject({
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

const probe = v.variant("kind", [
  v.strictObject({
    kind: v.literal("sql"),
    ...database,
    interval: v.optional(duration, "200ms"),
    timeout: v.optional(duration, "2s"),
  }),
  v.strictObject({
    kind: v.literal("redis"),
    /** A fixed address, or the master that sentinels name at each new connection. */
    via: v.optional(address),
    sentinels: v.optional(v.array(address)),
    master: v.optional(text),
    passwordFrom: v.optional(passwordFrom),
    interval: v.optional(duration, "200ms"),
    timeout: v.optional(duration, "2s"),
  }),
  v.strictObject({
    kind: v.literal("http"),
    url: text,
    host: v.optional(text),
    status: v.optional(whole, 200),
    anyCertificate: v.optional(v.boolean(), false),
    interval: v.optional(duration, "200ms"),
    timeout: v.optional(duration, "2s"),
  }),
  v.strictObject({
    /** Writes to the API servers in turn until one acknowledges, as a client behind a balancer would. */
    kind: v.literal("kubernetes"),
    servers: v.pipe(v.array(text), v.minLength(1)),
    namespace: v.optional(text, "default"),
    interval: v.optional(duration, "500ms"),
    timeout: v.optional(duration, "3s"),
  }),
]);

const target = v.variant("resolve", [
  v.strictObject({ resolve: v.literal("pgpool"), ...database }),
  v.strictObject({
    resolve: v.literal("patroni"),
    members: v.pipe(v.array(address), v.minLength(1)),
  }),
  v.strictObject({
    resolve: v.literal("sentinel"),
    sentinels: v.pipe(v.array(address), v.minLength(1)),
    master: text,
    passwordFrom: v.optional(passwordFrom),
  }),
  v.strictObject({ resolve: v.literal("lease"), namespace: text, name: text }),
  v.strictObject({ resolve: v.literal("etcd-leader") }),
  /** The pod that a selector picks; with several, the first by name. For components without a primary. */
  v.strictObject({ resolve: v.literal("pod"), selector: text }),
  /** The address that answers a request, by a response header: which of several proxies serves. */
  v.strictObject({
    resolve: v.literal("http-header"),
    url: text,
    header: text,
    host: v.optional(text),
    anyCertificate: v.optional(v.boolean(), false),
  }),
  /** The server that holds a floating address: found on the hosts by asking each. */
  v.strictObject({ resolve: v.literal("fixed"), name: text }),
]);

const through = v.optional(v.pipe(v.array(text), v.minLength(1)));
const kill = v.variant("method", [
  v.strictObject({ method: v.literal("pod-delete"), gracePeriod: v.optional(duration, "0s") }),
  v.pipe(
    v.strictObject({
      method: v.literal("pod-signal"),
      container: v.optional(text),
      signal: v.optional(v.picklist(["KILL", "TERM", "INT", "QUIT", "STOP"]), "TERM"),
      /** Which process in the container; default its first. */
      process: v.optional(whole, 1),
    }),
    // pid_namespaces(7): the first process of a namespace gets only signals it handles.
    v.check(
      ({ signal, process }) => process !== 1 || !["KILL", "STOP"].includes(signal),
      "the first process of a container cannot be killed from inside: use pod-delete, another signal, or name another process",
    ),
  ),
  v.strictObject({ method: v.literal("node-drain"), gracePeriod: v.optional(duration, "30s") }),
  v.strictObject({ method: v.literal("service-stop"), unit: text, through }),
  v.strictObject({
    method: v.literal("service-kill"),
    unit: text,
    signal: v.optional(v.picklist(["KILL", "TERM"]), "KILL"),
    /** Keep it down until the drill ends, or systemd has it up again at once. */
    keepDown: v.optional(v.boolean(), true),
    through,
  }),
  v.strictObject({ method: v.literal("server-off"), through }),
  v.strictObject({
    method: v.literal("process"),
    pidFile: text,
    /** STOP freezes it until the drill ends. */
    signal: v.optional(v.picklist(["KILL", "TERM", "INT", "STOP"]), "KILL"),
  }),
]);

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
export type ProbeSpec = v.InferOutput<typeof probe>;
export type TargetSpec = v.InferOutput<typeof target>;
export type KillSpec = v.InferOutput<typeof kill>;
export type PasswordFrom = v.InferOutput<typeof passwordFrom>;
export type Drill = Omit<Parsed, "steadyState" | "after"> & {
  readonly steadyState: readonly CheckSpec[];
  readonly after: readonly CheckSpec[];
};

export interface SchemaProblem {
  /** `recovery.window`. */
  readonly path: string;
  readonly message: string;
}

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

/** A check out of parsed YAML, as `ha smoke` has them in a list; or every problem. */
export function parseCheck(
  value: unknown,
): { readonly check: CheckSpec } | { readonly problems: readonly SchemaProblem[] } {
  const result = v.safeParse(check, value);
  if (!result.success) return { problems: result.issues.map(problemOf) };
  const found = specOf(result.output);
  return found === undefined ? { problems: [{ path: "", message: onlyOne() }] } : { check: found };
}

function onlyOne(): string {
  return `needs exactly one of ${Object.keys(checkKinds).join(", ")}`;
}

function problemOf(issue: v.BaseIssue<unknown>): SchemaProblem {
  const path = (issue.path ?? []).map(({ key }) => String(key)).join(".");
  return { path, message: issue.message };
}

function specOf(one: v.InferOutput<typeof check>): CheckSpec | undefined {
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
