/** What a restore would lose is known, up or down, and what was here before it is kept as an archive that brings it back. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import * as v from "valibot";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { skipWithoutLab } from "../lab/server.ts";
import { ARCHIVES, PROGRAM } from "./workload.ts";
import { DATA, hostWithBackup, leftovers, makeObject, objectsOf, restore } from "./restore-host.ts";
import type { BareServer, CommandResult, Datastore } from "../lab/server.ts";
import type { Backup } from "./restore-host.ts";

const APART = `${ARCHIVES}/before-restore`;

const resultSchema = v.object({
  safety_backup: v.object({ path: v.nullable(v.string()), reason: v.optional(v.string()) }),
});
const listSchema = v.object({
  archives: v.array(v.object({ path: v.string() })),
  before_restore: v.array(v.object({ path: v.string() })),
});

/** Restores, and gives the path of the safety backup it says it made. */
async function restored(server: BareServer, flags = ""): Promise<string> {
  const result = await restore(server, `--yes --json ${flags}`);
  expect({ exit: result.exitCode, stderr: result.exitCode === 0 ? "" : result.stderr }).toEqual({
    exit: 0,
    stderr: "",
  });
  const { safety_backup: safety } = v.parse(resultSchema, JSON.parse(result.stdout));
  expect(safety.reason).toBe(undefined);
  return safety.path ?? "";
}

async function planOf(server: BareServer, flags = ""): Promise<CommandResult> {
  const result = await restore(server, `--plan ${flags}`);
  expect(result.exitCode).toBe(0);
  expect(await leftovers(server)).toBe("");
  return result;
}

/** As when a server loses its power: nothing is closed or written to its end. */
async function killK3s(server: BareServer): Promise<void> {
  await server.must("systemctl kill --signal=KILL --kill-whom=all k3s; systemctl stop k3s");
}

const exists = async (server: BareServer, name: string): Promise<boolean> =>
  (await server.run(`k3s kubectl get configmap ${name}`)).exitCode === 0;

for (const datastore of ["etcd", "sqlite"] satisfies Datastore[]) {
  describe.skipIf(skipWithoutLab())(`the safety backup of a server on ${datastore}`, () => {
    let server: BareServer;
    let backup: Backup;
    let other = { secret: "", recipient: "" };

    beforeAll(async () => {
      ({ server, backup } = await hostWithBackup({ datastore }));
      const secret = await generateX25519Identity();
      other = { secret, recipient: await identityToRecipient(secret) };
      server.write("/root/other.txt", `${secret}\n`);
    }, 120_000);
    afterAll(() => server[Symbol.asyncDispose]());

    test("the plan says what would be lost, how long it takes and where it would be, and writes nothing", async () => {
      await makeObject(server, "after");
      const { stdout } = await planOf(server);
      expect(stdout).toMatch(/^lost since {5}\+ \d+ objects? created +default\/configmap\/after/m);
      expect(stdout).toMatch(/^takes {10}about .+, an estimate from the database's size/m);
      expect(stdout).toContain(
        `safety backup  written first, to ${APART}, for 1 recipient; the way back once the restore has ended: railiance-cluster restore ${APART}/FILE\n`,
      );
      expect(stdout).toMatch(
        /^way back .*; while it is unfinished: railiance-cluster restore --rollback; once it has ended: the safety backup$/m,
      );
      expect(server.exists(APART)).toBe(false);
    }, 60_000);

    test("what ran before is saved, private, whole, and no backup that anything takes by itself", async () => {
      const now = await objectsOf(server);
      const path = await restored(server);
      expect(await exists(server, "after")).toBe(false);
      expect(path.startsWith(`${APART}/railiance-cluster_`)).toBe(true);
      expect((await server.must(`stat -c %a ${APART} ${path}`)).trim()).toBe("700\n600");
      expect(await leftovers(server)).toBe("");
      const verified = await server.run(`${PROGRAM} verify ${path}`);
      expect(verified.exitCode).toBe(0);
      const list = await server.run(`${PROGRAM} list --json`);
      const { archives, before_restore: apart } = v.parse(listSchema, JSON.parse(list.stdout));
      expect(archives.map((one) => one.path)).toEqual([backup.archive]);
      expect(apart.map((one) => one.path)).toEqual([path]);
      const { stdout } = await planOf(server);
      expect(stdout).toContain(`archive        ${backup.archive}\n`);
      expect(stdout).toMatch(/^takes {10}about .+ s, an estimate from the restore of \d{4}-/m);

      // And back to what was there before, all of it, by a restore like any other.
      const second = await restored(server, path);
      expect(await objectsOf(server)).toBe(now);
      expect(second === path).toBe(false);
    }, 300_000);

    test("K3s down: what would be lost is read from its files, and saved from them", async () => {
      await makeObject(server, "last");
      const now = await objectsOf(server);
      // etcd writes its file every 100 ms; what it has only in its log is not read.
      await server.must(
        `cd ${DATA}/server/db; until grep -qsa configmaps/default/last etcd/member/snap/db state.db state.db-wal; do sleep 0.1; done`,
      );
      await killK3s(server);
      const files = `md5sum ${DATA}/server/db/etcd/member/snap/db ${DATA}/server/db/state.db 2>/dev/null; true`;
      const before = await server.must(files);
      const { stdout } = await planOf(server);
      expect(stdout).toMatch(/default\/configmap\/last/);
      expect(stdout).toContain("K3s is down: compared with what its files hold");
      const compared = await server.run(`${PROGRAM} diff --all`);
      expect(compared.stdout).toMatch(/files of the stopped cluster/);
      expect(compared.stdout).toMatch(/^\+ default\/configmap\/last$/m);
      expect(await server.must(files)).toBe(before);
      const path = await restored(server);
      expect(await exists(server, "last")).toBe(false);
      await restored(server, path);
      expect(await objectsOf(server)).toBe(now);
    }, 300_000);

    if (datastore === "etcd") {
      test("a K3s whose etcd is older than the snapshot's is refused before anything is touched", async () => {
        const version = (await server.must("k3s --version")).split(" ")[2] ?? "";
        const folder = `${DATA}/data/current/bin`;
        // What `go version -m` shows of a program.
        const module = "dep\tgo.etcd.io/etcd/server/v3\tv3.6.12\th1:x=\n";
        server.write(`${folder}/k3s`, `${module}${version}`);
        const refused = await restore(server, "--yes");
        expect(refused.exitCode).toBe(10);
        expect(refused.stderr).toContain("and the etcd of this host's K3s is 3.6");
        expect((await planOf(server, "--force")).stderr).toContain("which does not read it");
        await server.must(`rm -r ${folder}`);
      }, 60_000);

      test("a file that an etcd has open is not copied, and the plan says why", async () => {
        await server.stopCluster();
        const file = `${DATA}/server/db/etcd/member/snap/db`;
        await server.must(
          `(flock -x 9; sleep 300) 9< ${file} > /dev/null 2>&1 & until ! flock -n ${file} true; do sleep 0.1; done`,
        );
        const { stdout } = await planOf(server);
        await server.must(`fuser -k ${file}; until flock -n ${file} true; do sleep 0.1; done`);
        expect(stdout).toContain(`not known: K3s gives no snapshot, and ${file} is in use`);
        const compared = await server.run(`${PROGRAM} diff`);
        expect(compared.exitCode).toBe(0);
        await server.startCluster();
      }, 120_000);
    }

    test("it opens for the archive's recipients and for those of this host", async () => {
      const both = `SOPS_AGE_RECIPIENTS=${other.recipient} ${PROGRAM} restore --yes --json`;
      const result = await server.run(both, { timeout: 240_000 });
      expect(result.exitCode).toBe(0);
      const { safety_backup: safety } = v.parse(resultSchema, JSON.parse(result.stdout));
      server.write("/root/first.txt", `${backup.secret}\n`);
      for (const key of ["first", "other"]) {
        const alone = `HOME=/nowhere ${PROGRAM} verify -i /root/${key}.txt ${safety.path}`;
        expect((await server.run(alone)).exitCode).toBe(0);
      }
    }, 240_000);

    test("without room for it the plan says so, and the restore goes on, not silently", async () => {
      await makeObject(server, "unsaved");
      await server.must(`mount -t tmpfs -o size=4m,mode=0700 none ${APART}`);
      const { stdout } = await planOf(server);
      expect(stdout).toMatch(
        /^safety backup {2}NONE: .+before-restore has .+ free, and it needs about .+; today's data is only moved aside$/m,
      );
      const result = await restore(server, "--yes --json");
      expect(result.exitCode).toBe(0);
      expect(result.stderr).toContain("not saved as an archive of its own");
      const { safety_backup: safety } = v.parse(resultSchema, JSON.parse(result.stdout));
      expect(safety).toEqual({ path: null, reason: expect.stringContaining("free") });
      expect(await exists(server, "unsaved")).toBe(false);
      expect((await server.must(`ls ${APART}`)).trim()).toBe("");
      await server.must(`umount ${APART}`);
    }, 240_000);

    test("a disk that fills up while it is written costs the safety backup, not the restore", async () => {
      await makeObject(server, "unsaved");
      // The room is counted on the folder itself: what fills is a quota behind it.
      await server.must(`mount -t tmpfs -o size=900m,nr_inodes=2,mode=0700 none ${APART}`);
      const result = await restore(server, "--yes");
      expect(result.exitCode).toBe(0);
      expect(result.stderr).toContain("not saved as an archive of its own");
      expect((await server.must(`find ${APART} -type f`)).trim()).toBe("");
      await server.must(`umount ${APART}`);
    }, 240_000);

    test("a database that is damaged is not compared, not saved, and replaced all the same", async () => {
      await server.stopCluster();
      const file = datastore === "etcd" ? "etcd/member/snap/db" : "state.db";
      await server.must(
        `for page in 0 1 2 3 4; do dd if=/dev/urandom of=${DATA}/server/db/${file} bs=4096 seek=$page count=1 conv=notrunc; done; rm -f ${DATA}/server/db/state.db-wal`,
      );
      const { stdout } = await planOf(server);
      expect(stdout).toMatch(/^lost since {5}not known: .+$/m);
      expect(stdout).toContain("safety backup  NONE: for the same reason; today's data is only");
      const result = await restore(server, "--yes");
      expect(result.exitCode).toBe(0);
      expect(await objectsOf(server)).toBe(backup.objects);
    }, 240_000);
  });
}
