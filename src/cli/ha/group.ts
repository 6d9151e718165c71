/** The word `ha`: to add a command, write its file beside this one, with `group: HA`, and list it in root.ts. */
import type { CommandGroup } from "../command.ts";

export const HA: CommandGroup = {
  name: "ha",
  summary:
    "high availability, proven: smoke checks, drills, reports, lint and drift of helm values",
  about:
    "High availability is proven, not assumed: what a failover needs stands in versioned values files, and what runs is what they say, and drills kill the primary to see whether somebody takes over. A password that only the cluster knows is gone at the next upgrade or restore, and nobody notices before the night on which it matters.",
};
