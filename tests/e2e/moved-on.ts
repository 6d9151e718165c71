/** A host that has moved on since its backup, with a script in K3s's place: what restores that fail or end badly are tried on. */
import { IN_A_RESTORE, inPlaceOfK3s } from "./k3s-in-place.ts";
import { JOURNAL, hostMovedOn, restore } from "./restore-host.ts";
import type { BareServer } from "../lab/server.ts";
import type { Backup } from "./restore-host.ts";

export interface MovedOn extends AsyncDisposable {
  readonly server: BareServer;
  readonly backup: Backup;
  /** What `objectsOf` gave when it was new. */
  readonly before: string;
  /** Puts a script before K3s's own answer; an empty one only passes on. */
  wrap(script: string): void;
  /** After a test: nothing fails any more, and a restore that it left is taken back, or all others would fail with it. */
  settle(): Promise<void>;
}

export async function movedOn(): Promise<MovedOn> {
  const { server, backup, before } = await hostMovedOn();
  try {
    const wrap = await inPlaceOfK3s(server, IN_A_RESTORE);
    // K3s's own five seconds between two starts are only waiting here; five in ten seconds are too many for systemd.
    server.write("/etc/systemd/system/k3s.service.d/fast.conf", "[Service]\nRestartSec=200ms\n");
    await server.must("systemctl daemon-reload");
    return {
      server,
      backup,
      before,
      wrap,
      async settle() {
        server.faults("");
        wrap("");
        if (server.exists(JOURNAL)) await restore(server, "--rollback");
      },
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    };
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}
