/** The health gate: each check sees what none of the others sees. */
import { describe, expect, test } from "bun:test";
import { TIMEOUT, OLD, UID, CHANGE, gate, failures, detailOf } from "./health-support.ts";
import type { Server } from "./health-support.ts";

const EXPIRED =
  '{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old resource version: 5 (9)"}}';

describe("checkHealth()", () => {
  test(
    "passes a server that is well, and says what it saw",
    async () => {
      const { checks, warnings } = await gate({});
      expect(warnings).toEqual([]);
      expect(checks.every(({ passed }) => passed)).toBe(true);
      expect(checks.slice(1).map(({ detail }) => detail)).toEqual([
        "embedded etcd",
        "same CA",
        "revision 9",
        "2 of 2 recorded objects the same",
        "node s1 alive",
        "its etcd votes",
        "a watch from revision 5 sees lease kube-node-lease/s1",
        "1 helm release",
      ]);
    },
    TIMEOUT,
  );

  const WRONGS: readonly (readonly [what: string, server: Server, failure: string])[] = [
    [
      "a new SQLite database beside the restored etcd",
      { stateDb: true },
      "datastore: K3s made a new SQLite database beside the restored etcd",
    ],
    [
      "another CA",
      { authority: "another\n" },
      "authority: the server CA is not the one of the backup",
    ],
    [
      "a database that begins to count anew",
      { revision: 4 },
      "revision: revision 4 is before 5 of the backup",
    ],
    [
      "a kube-system that is another one",
      { uid: "another" },
      "canary: namespace kube-system is not the one of the backup (another UID)",
    ],
    [
      "a node that is silent",
      { leases: [{ name: "s1", renewed: [OLD] }] },
      "heartbeat: this server's node has sent no heartbeat since the restore began (node s1)",
    ],
    [
      "an etcd member that does not vote",
      { voter: "False" },
      "voter: this server's etcd has no vote (not promoted)",
    ],
    [
      "a watch that tells nothing",
      { replayed: "", live: "" },
      "watch: a watch did not see the restored cluster within 60 s: no change arrived",
    ],
    [
      "a watch that is refused",
      { replayed: EXPIRED, live: EXPIRED },
      "watch: a watch did not see the restored cluster within 60 s: too old resource version: 5 (9)",
    ],
    [
      "a helm release at another revision",
      { releases: "shop shop 1" },
      "helm: helm release shop/shop revision 2 is not there",
    ],
  ];
  for (const [what, server, failure] of WRONGS) {
    test(
      `only one check sees ${what}`,
      async () => {
        expect(await failures(server)).toEqual([failure]);
      },
      TIMEOUT,
    );
  }

  test(
    "a server that is not ready is asked nothing else",
    async () => {
      const { checks } = await gate({ ready: "no", speed: 200 });
      expect(checks.map(({ id, passed }) => [id, passed])).toEqual([
        ["ready", false],
        ["datastore", true],
      ]);
    },
    TIMEOUT,
  );

  const GONE = {
    "is gone again": `echo 'Error from server (NotFound): namespaces "shop" not found' >&2; exit 1`,
    "is being deleted": `echo '{"metadata":{"uid":"${UID}","deletionTimestamp":"${OLD}"}}'`,
  };
  for (const [what, shop] of Object.entries(GONE)) {
    test(
      `a namespace of the users that ${what} warns, and fails nothing`,
      async () => {
        const { checks, warnings } = await gate({ shop });
        expect(checks.filter(({ passed }) => !passed)).toEqual([]);
        expect(warnings.map(({ code, message }) => [code, message])).toEqual([
          [
            "CANARY_GONE",
            "restored, and removed again or being removed since K3s started: namespace shop",
          ],
        ]);
      },
      TIMEOUT,
    );
  }

  test(
    "a helm release that only the manifest has, and no database, warns and fails nothing",
    async () => {
      const { checks, warnings } = await gate({ releases: "shop shop 1", archived: false });
      expect(checks.filter(({ passed }) => !passed)).toEqual([]);
      expect(checks.at(-1)?.detail).toBe("0 helm releases");
      expect(warnings.map(({ code, message }) => [code, message])).toEqual([
        [
          "HELM_NOT_ARCHIVED",
          "helm release shop/shop revision 2 was made while the backup was taken, and is not in its database",
        ],
      ]);
    },
    TIMEOUT,
  );

  test(
    "when the API server has no history back to the backup, it watches from a list",
    async () => {
      expect(await detailOf("watch", { replayed: EXPIRED, speed: 1 })).toBe(
        "a watch from revision 9 sees lease kube-node-lease/s1",
      );
    },
    TIMEOUT,
  );

  test(
    "an event of the past is no change",
    async () => {
      const past = CHANGE.replace('"12"', '"5"');
      expect(await failures({ replayed: past, live: past })).toHaveLength(1);
    },
    TIMEOUT,
  );

  test(
    "K3s before 1.26.11 says nothing of votes, and passes",
    async () => {
      expect(await detailOf("voter", { voter: "" })).toBe("this K3s does not say who votes");
    },
    TIMEOUT,
  );
});
