/** K3s's bootstrap data out of a snapshot, for the rows of k3s-observed.md about what lies in it. */
import { unseal } from "../k3s/cipher.ts";
import type { Stage } from "./stage.ts";

/** The decrypted bootstrap JSON, found by byte search (k3s.md 2.4). */
export async function bootstrapOf(
  { server }: Stage,
  from: { readonly snapshot: string; readonly password: string },
): Promise<Record<string, { Timestamp: string; Content: string }>> {
  const { stdout } = await server.run(
    `grep -aoE '[0-9a-f]{16}:[A-Za-z0-9+/]{2000,}=*' ${from.snapshot} | tail -1`,
  );
  return JSON.parse(unseal(from.password, stdout.trim()));
}
