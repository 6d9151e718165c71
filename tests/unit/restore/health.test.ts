/** The health gate: each check sees what none of the others sees. */
import { mkdirSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "bun:test";
import { checkHealth } from "../../../src/k3s/health.ts";
import { settingsIn, withPrograms } from "../../helpers/programs.ts";
import type { HealthReport } from "../../../src/k3s/health.ts";

const TIMEOUT = 60_000;
const BACKUP = new Date("2026-11-23T02:00:00Z");
const RIGHT = new Date("2026-11-23T12:00:00Z");
const WRONG = new Date("2000-01-01T00:00:00Z");
const OLD = "2026-11-23T01:59:50Z";
const NEW = "2026-11-23T12:00:09.5Z";
const UID = "3c0d9c6c-5a0e-4b7c-9d43-000000000001";

interface Lease {
  readonly name: string;
  /** Times of renewal, one a question; the last one stays. */
  readonly renewed: readonly string[];
}

/** What the server says; each field as it is on a server that was restored well. */
interface Server {
  readonly ready?: string;
  readonly authority?: string;
  readonly stateDb?: boolean;
  readonly revision?: number;
  readonly uid?: string;
  readonly leases?: readonly Lease[];
  readonly voter?: string;
  /** Lines of a watch from the backup's revision, and of one from a list. */
  readonly replayed?: string;
  readonly live?: string;
  readonly releases?: string;
  /** Whether the release that is missed is in the backup's database. */
  readonly archived?: boolean;
  readonly since?: Date;
  readonly shop?: string;
  /** Of its clock; 1 where something passes only at a second look. */
  readonly speed?: number;
}

const CHANGE =
  '{"type":"MODIFIED","object":{"metadata":{"namespace":"kube-node-lease","name":"s1","resourceVersion":"12"}}}';
const EXPIRED =
  '{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old resource version: 5 (9)"}}';

function k3sOf(server: Server): string {
  const { voter = "True", uid = UID } = server;
  const leases = server.leases ?? [{ name: "s1", renewed: [NEW] }];
  const rounds = Math.max(...leases.map(({ renewed }) => renewed.length));
  const answers = Array.from({ length: rounds }, (_, round) => {
    const items = leases.map(({ name, renewed }) => {
      const time = renewed[Math.min(round, renewed.length - 1)];
      return { metadata: { name }, spec: { renewTime: time } };
    });
    return `'${JSON.stringify({ metadata: {}, items })}'`;
  });
  const conditions =
    voter === "" ? [] : [{ type: "EtcdIsVoter", status: voter, message: "not promoted" }];
  const nodes = { items: [{ metadata: { name: "s1" }, status: { conditions } }] };
  const shop = server.shop ?? `echo '{"metadata":{"uid":"${UID}"}}'`;
  return `here=$(dirname "$0")
case "$*" in
  *readyz*) echo ${server.ready ?? "ok"};;
  *watch=true\\&resourceVersion=5*) echo '${server.replayed ?? CHANGE}';;
  *watch=true*) echo '${server.live ?? CHANGE}';;
  *leases?resourceVersion=0*) echo '{"metadata":{"resourceVersion":"9"},"items":[]}';;
  *kube-node-lease/leases*) n=$(cat $here/count 2>/dev/null || echo 0); echo $((n + 1)) > $here/count
    answers=(${answers.join(" ")}); [ $n -ge \${#answers[@]} ] && n=$((\${#answers[@]} - 1)); echo "\${answers[$n]}";;
  *v1/nodes*) echo '${JSON.stringify(nodes)}';;
  *namespaces/kube-system/deployments*) echo '{"items":null}';;
  *namespaces/kube-system*) echo '{"metadata":{"uid":"${uid}"}}';;
  *namespaces/shop*) ${shop};;
  *v1/namespaces*) echo '{"metadata":{"resourceVersion":"${server.revision ?? 9}"},"items":[]}';;
  *get\\ secrets*) echo '${server.releases ?? "shop   shop   2"}';;
  *get\\ configmaps*) ;;
  *) exit 9;;
esac`;
}

async function gate(server: Server): Promise<HealthReport> {
  const systemctl = 'case "$1" in is-active) echo active;; *) echo 0;; esac';
  return await withPrograms({ k3s: k3sOf(server), systemctl }, async ({ folder, host }) => {
    mkdirSync(`${folder}/data/server/db/etcd/member/wal`, { recursive: true });
    mkdirSync(`${folder}/data/server/tls`, { recursive: true });
    writeFileSync(`${folder}/data/server/tls/server-ca.crt`, server.authority ?? "ours\n");
    if (server.stateDb === true) writeFileSync(`${folder}/data/server/db/state.db`, "");
    // Its patience shall not be ours.
    const fast = { ...host, monotonic: () => performance.now() * (server.speed ?? 20) };
    return await checkHealth(fast, {
      settings: settingsIn(folder),
      since: server.since ?? RIGHT,
      taken: BACKUP,
      datastore: "etcd",
      revision: 5,
      nodeName: "s1",
      serverCa: "ours",
      canaries: [
        { path: "/api/v1/namespaces/kube-system", uid: UID },
        { path: "/api/v1/namespaces/shop", uid: UID },
      ],
      releases: [{ namespace: "shop", name: "shop", revision: 2 }],
      isArchived: () => Promise.resolve(server.archived ?? true),
    });
  });
}

/** Ids and reasons of the checks that failed. */
async function failures(server: Server): Promise<string[]> {
  const { checks } = await gate(server);
  return checks.filter(({ passed }) => !passed).map(({ id, detail }) => `${id}: ${detail}`);
}

async function detailOf(id: string, server: Server): Promise<string | undefined> {
  return (await gate(server)).checks.find((check) => check.id === id)?.detail;
}

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
