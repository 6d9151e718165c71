/** The health gate's look at the nodes' heartbeat. */
import { describe, expect, test } from "bun:test";
import { TIMEOUT, OLD, NEW, failures, detailOf } from "./health-support.ts";

const WRONG = new Date("2000-01-01T00:00:00Z");

describe("checkHealth() of the heartbeat", () => {
  test(
    "does not take an agent's for this server's own",
    async () => {
      const leases = [
        { name: "a1", renewed: [NEW] },
        { name: "s1", renewed: [OLD] },
      ];
      expect(await failures({ leases })).toEqual([
        "heartbeat: this server's node has sent no heartbeat since the restore began (node s1)",
      ]);
    },
    TIMEOUT,
  );

  test(
    "takes any node's where none has this server's name",
    async () => {
      const leases = [{ name: "ip-10-0-0-1", renewed: [NEW] }];
      expect(await detailOf("heartbeat", { leases })).toBe("node ip-10-0-0-1 alive");
    },
    TIMEOUT,
  );

  test(
    "with a clock that stands before the backup it wants to see a heartbeat change",
    async () => {
      const still = [{ name: "s1", renewed: [OLD] }];
      expect(await failures({ leases: still, since: WRONG })).toHaveLength(1);
      const changing = [{ name: "s1", renewed: [OLD, "2000-01-01T00:00:09Z"] }];
      expect(await failures({ leases: changing, since: WRONG, speed: 1 })).toEqual([]);
    },
    TIMEOUT,
  );
});
