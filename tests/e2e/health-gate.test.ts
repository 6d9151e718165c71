/** Restored data that is not what it should be, or a server that is not well with it: one check sees it, and what ran before runs again. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { skipWithoutLab, startBareServer } from "../lab/server.ts";
import {
  DATA,
  JOURNAL,
  expectRefusal,
  isActive,
  leftovers,
  makeObject,
  objectsOf,
  restore,
} from "./restore-host.ts";
import { inPlaceOfK3s } from "./k3s-in-place.ts";
import { PROGRAM, giveKey, makeWorkload } from "./workload.ts";
import type { BareServer } from "../lab/server.ts";

const ETCDCTL = `/usr/local/lib/k3s-lab/etcdctl --endpoints=https://127.0.0.1:2379 --cacert=${DATA}/server/tls/etcd/server-ca.crt --cert=${DATA}/server/tls/etcd/client.crt --key=${DATA}/server/tls/etcd/client.key`;

/** In a script in K3s's place `$restored` is yes while restored data is in use. */
const RESTORED = `restored=
[ -e ${JOURNAL} ] && grep -q '"begin","step":"start"' ${JOURNAL} && ! grep -q '"type":"rollback"' ${JOURNAL} && restored=yes`;

describe.skipIf(skipWithoutLab())("the health gate of a restore", () => {
  let server: BareServer;
  let before = "";
  let wrap: (script: string) => void;

  beforeAll(async () => {
    server = await startBareServer();
    await giveKey(server);
    await makeWorkload(server);
    await server.must(`${PROGRAM} backup -q`);
    wrap = await inPlaceOfK3s(server, RESTORED);
    await makeObject(server, "later");
    await server.must(
      `k3s etcd-snapshot save --name later && cp ${DATA}/server/db/snapshots/later-* /root/later.db`,
    );
    before = await objectsOf(server);
  }, 300_000);
  afterAll(() => server[Symbol.asyncDispose]());
  afterEach(async () => {
    server.faults("");
    wrap("");
    if (server.exists(JOURNAL)) await restore(server, "--rollback");
  });

  /** Something that happens as soon as the restored cluster is ready, and before the gate hears of it. */
  function whenReady(sabotage: string): void {
    server.remove("/root/done");
    wrap(
      `case "$restored $*" in "yes "*--raw=/readyz*) answer=$($real "$@") || exit 1
  [ -e /root/done ] || { ${sabotage}; } > /root/done 2>&1
  echo "$answer"; exit 0;; esac`,
    );
  }

  /** Only this reason is given, and all is as it was. */
  async function expectCaught(reason: string): Promise<void> {
    const result = await restore(server, "--yes");
    expectRefusal(result, {
      exit: 1,
      says: `checking the restored cluster: the restored cluster is not well: ${reason}; what ran before runs again`,
    });
    await expectRolledBack();
  }

  async function expectRolledBack(): Promise<void> {
    expect(await isActive(server)).toBe(true);
    expect(await objectsOf(server)).toBe(before);
    expect(await leftovers(server)).toBe("");
  }

  test("a database with objects that the archive does not have is never started", async () => {
    wrap(
      `case "$*" in *--cluster-reset*) args=(); for arg in "$@"; do
  case "$arg" in --cluster-reset-restore-path=*) arg=--cluster-reset-restore-path=/root/later.db;; esac; args+=("$arg")
done; exec $real "\${args[@]}";; esac`,
    );
    expectRefusal(await restore(server, "--yes"), {
      exit: 1,
      says: /restoring the database: the database that the reset left is not the archive's: \d+ objects? in it (is|are) newer than the archive; what ran before runs again$/,
      hint: "K3s was not started with it",
    });
    await expectRolledBack();
  }, 300_000);

  test("a new SQLite database appears beside the restored etcd", async () => {
    whenReady(`touch ${DATA}/server/db/state.db`);
    await expectCaught("K3s made a new SQLite database beside the restored etcd");
  }, 300_000);

  test("the server has another CA", async () => {
    whenReady(`echo other >> ${DATA}/server/tls/server-ca.crt`);
    await expectCaught("the server CA is not the one of the backup");
  }, 300_000);

  test("a namespace that K3s made anew is not the one of the backup", async () => {
    whenReady(
      `${ETCDCTL} del /registry/namespaces/kube-public; until $real kubectl create namespace kube-public; do sleep 0.1; done`,
    );
    await expectCaught("namespace kube-public is not the one of the backup (another UID)");
  }, 300_000);

  test("a helm release is not at the revision that was recorded", async () => {
    whenReady("$real kubectl -n shop delete secret sh.helm.release.v1.shop.v2");
    await expectCaught("helm release shop/shop revision 2 is not there");
  }, 300_000);

  test("a node of the backup renews its lease, and this server's own does not", async () => {
    whenReady(
      "$real kubectl -n kube-node-lease delete lease s1; echo no-heartbeat > /etc/k3s-lab-faults",
    );
    server.faults("no-heartbeat");
    await expectCaught(
      "this server's node has sent no heartbeat since the restore began (node s1)",
    );
  }, 400_000);

  test("this server's etcd has no vote", async () => {
    server.faults("not-voter");
    await expectCaught(
      "this server's etcd has no vote (Node has not been promoted to voting member of the etcd cluster)",
    );
  }, 400_000);

  test("a watch is told nothing", async () => {
    wrap('case "$restored $*" in "yes "*watch=true*) exec sleep 300;; esac');
    await expectCaught("a watch did not see the restored cluster within 60 s: no change arrived");
  }, 400_000);

  test("--keep keeps what a check refuses", async () => {
    whenReady(`echo other >> ${DATA}/server/tls/server-ca.crt`);
    const kept = await restore(server, "--yes --keep");
    expectRefusal(kept, { exit: 1, says: "it was kept as asked", hint: "restore --rollback" });
    wrap("");
    expect((await restore(server, "--rollback")).exitCode).toBe(0);
    await expectRolledBack();
  }, 300_000);

  test("a namespace that is gone again only warns", async () => {
    whenReady(`${ETCDCTL} del /registry/namespaces/shop`);
    const result = await restore(server, "--yes");
    expect({ exit: result.exitCode, stderr: result.stderr }).toEqual({
      exit: 0,
      stderr: expect.stringContaining("4 of 5 recorded objects the same"),
    });
    expect(result.stderr).toContain(
      "restored, and removed again or being removed since K3s started: namespace shop",
    );
  }, 300_000);

  test("a Deployment of kube-system that is not available is said, and nothing goes back", async () => {
    whenReady("$real kubectl -n kube-system create deployment slow --image=none");
    const result = await restore(server, "--yes --json");
    expect({ exit: result.exitCode, stderr: result.stderr }).toMatchObject({ exit: 0 });
    const { warnings } = JSON.parse(result.stdout) as { warnings: unknown[] };
    expect(warnings).toEqual([
      {
        code: "DEPLOYMENTS_PENDING",
        message: "not available yet in kube-system: slow",
        hint: expect.stringContaining("k3s kubectl -n kube-system get deployments"),
      },
    ]);
    expect(await leftovers(server)).toBe("");
  }, 300_000);

  test("a server that is well passes", async () => {
    const result = await restore(server, "--yes");
    expect({ exit: result.exitCode, stderr: result.stderr }).toEqual({
      exit: 0,
      stderr: expect.stringMatching(
        /keys as in the archive[^]*5 of 5 recorded objects the same, node s1 alive, its etcd votes, a watch from revision \d+ sees lease [^,]+, 1 helm release \(/,
      ),
    });
    expect(result.stderr).not.toContain("warning:");
  }, 300_000);
});
