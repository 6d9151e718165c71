/** What was found wrong while looking for keys, as warnings. */
import type { FoundIdentities } from "../keys/found.ts";
import type { Context, Warning } from "./context.ts";

/** Says the notes, returns the warnings (not yet said). */
export function keyWarnings(context: Context, found: FoundIdentities): Warning[] {
  const warnings: Warning[] = [];
  for (const { level, code, source, message, hint } of found.problems) {
    const text = `${source}: ${message}`;
    if (level === "note") context.talk({ type: "note", text });
    else warnings.push({ code, message: text, ...(hint === undefined ? {} : { hint }) });
  }
  return warnings;
}

/** The file of the first identity that came out of one: `SOPS_AGE_KEY_FILE (/root/key.txt) line 3`. */
export function firstKeyFile(found: FoundIdentities): string | undefined {
  for (const { source } of found.identities) {
    // A note in brackets may follow: without HOME, how the home folder was found.
    const path = /(\/[^()]+?)(?: \([^()]*\))?\)?(?: line \d+)?$/.exec(source)?.[1];
    if (path !== undefined) return path;
  }
  return undefined;
}
