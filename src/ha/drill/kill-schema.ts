/** What a drill does to the primary. */
import * as v from "valibot";
import { duration, text, whole } from "./schema-parts.ts";

const through = v.optional(v.pipe(v.array(text), v.minLength(1)));
export const kill = v.variant("method", [
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

export type KillSpec = v.InferOutput<typeof kill>;
