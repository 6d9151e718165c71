/** For work that has to come to its end once it has begun. */
import { UNINTERRUPTED } from "../sys/host.ts";
import type { Host } from "../sys/host.ts";

/** The same host, deaf to signals: half a rollback is worse than a late exit. */
export function uninterrupted(host: Host): Host {
  return {
    ...host,
    signal: UNINTERRUPTED,
    run: (command, options) => host.run(command, { signal: UNINTERRUPTED, ...options }),
  };
}
