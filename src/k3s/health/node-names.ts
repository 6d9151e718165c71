/** Names under which this server's node can be found. */
import { field, textIn } from "../json.ts";
import type { Host } from "../../sys/host.ts";
import type { HealthExpectation } from "./types.ts";

/**
 * Whether a node is this server's: by its configured name or host name, which K3s
 * writes in lower case, with anything behind it under `with-node-id`, or by the
 * name the backup has.
 */
export function isOwnNode(
  name: string,
  { host, expected }: { readonly host: Host; readonly expected: HealthExpectation },
): boolean {
  const { settings, nodeName } = expected;
  const own = (settings.one("node-name") ?? host.hostname).toLowerCase();
  if (name === own || name === nodeName) return true;
  return settings.one("with-node-id") === "true" && name.startsWith(`${own}-`);
}

/** `metadata.name` of an object. */
export function nameOf(object: unknown): string | undefined {
  return textIn(field(object, "metadata"), "name");
}
