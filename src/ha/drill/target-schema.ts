/** How a drill finds out who is the primary. */
import * as v from "valibot";
import { address, database, passwordFrom, text } from "./schema-parts.ts";

export const target = v.variant("resolve", [
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
  /** A name taken as it stands, where nobody can be asked: for `{name}` in a pid file or the way to a server. */
  v.strictObject({ resolve: v.literal("fixed"), name: text }),
]);

export type TargetSpec = v.InferOutput<typeof target>;
