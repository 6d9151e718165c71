/** Where plaintext may lie while it is checked. */
import { createSpool } from "../sys/spool.ts";
import { chooseStageParent } from "../sys/stage-file.ts";
import type { Host } from "../sys/host.ts";
import type { Spool } from "../sys/spool.ts";

/**
 * A nameless private file for `size` bytes: in memory when there is room, else
 * on the disk of `parent`, which is TMPDIR or /var/tmp when not given.
 */
export async function makeSpool(
  host: Host,
  options: { readonly size: number; readonly parent?: string | undefined },
): Promise<Spool> {
  const fallback = options.parent ?? host.env["TMPDIR"] ?? "/var/tmp";
  return createSpool(await chooseStageParent(options.size, fallback));
}
