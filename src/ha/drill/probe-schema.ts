/** What a drill's client does all the while. */
import * as v from "valibot";
import { address, database, duration, passwordFrom, text, whole } from "./schema-parts.ts";

export const probe = v.variant("kind", [
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

export type ProbeSpec = v.InferOutput<typeof probe>;
