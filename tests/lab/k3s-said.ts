/** What K3s has said in its journal, for tests that wait for a state which shows nowhere else. */
import type { BareServer } from "./server.ts";

/** Waits until K3s has said `text`; throws when it has not within a minute. */
export async function untilK3sSaid(server: BareServer, text: string): Promise<void> {
  await server.must(
    `for i in $(seq 300); do journalctl -u k3s --no-pager | grep -qF '${text}' && exit; sleep 0.2; done
     echo "K3s has not said: ${text}" >&2; exit 1`,
    { timeout: 120_000 },
  );
}

/** The front's own word for a save that `save-slow` holds up: the request is with the server now. */
export function heldUpSave(name: string): string {
  return `the lab holds up the save of ${name}`;
}
