/** k3s-observed.md 2 (SQLite row), 5, 17: a server on kine and SQLite. */
import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { DATA } from "./stage.ts";
import { stageForFile } from "./staged.ts";
import type { Stage } from "./stage.ts";

const DB = `${DATA}/server/db`;
let stage: Stage;
const SKIPPED = stageForFile((opened) => (stage = opened), {
  datastore: "sqlite",
  tools: ["sqlite3"],
});

const caOf = () => stage.server.must(`md5sum < ${DATA}/server/tls/client-ca.crt`);
const baseCa = () => stage.server.must("md5sum < /root/base/server/tls/client-ca.crt");

describe.skipIf(SKIPPED)("SQLite (5)", () => {
  test("state.db, -shm, -wal are 0644; save, ls, delete say `etcd datastore disabled`; the WAL stays after a clean stop (1, 2)", async () => {
    await stage.pristine();
    expect((await stage.plain()).state).toBe("ready");
    expect(
      (await stage.sh(`stat -c %a ${DB}/state.db ${DB}/state.db-shm ${DB}/state.db-wal`)).stdout,
    ).toBe("644\n644\n644\n");
    for (const command of ["save", "ls", "delete x"]) {
      const { exitCode, stdout, stderr } = await stage.sh(`k3s etcd-snapshot ${command}`);
      expect(stderr).toEndWith(
        'level=fatal msg="Error: see server log for details: etcd datastore disabled"\n',
      );
      expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
    }
    expect(await stage.stop()).toBe(0);
    expect(await stage.names("server/db")).toEqual(["state.db", "state.db-shm", "state.db-wal"]);
  });

  test("VACUUM INTO beside a running server: integrity ok, same bootstrap value; the new file is 0644", async () => {
    await stage.pristine();
    await stage.plain();
    const { stdout } = await stage.sh(
      `rm -f /root/copy.db; sqlite3 ${DB}/state.db "VACUUM INTO '/root/copy.db'"; sqlite3 /root/copy.db 'pragma integrity_check'; stat -c %a /root/copy.db
       for db in ${DB}/state.db /root/copy.db; do sqlite3 $db "select hex(value) from kine where name like '/bootstrap/%' order by id desc limit 1" | md5sum; done`,
    );
    const [integrity, mode, one, other] = stdout.split("\n");
    expect([integrity, mode]).toEqual(["ok", "644"]);
    expect(one).toBe(other ?? "");
  });

  test("into an empty data dir it starts with any one of server/token, --token, --token-file: objects there, same CA", async () => {
    for (const args of [[], ["--token", stage.secret], ["--token-file", "/root/copy.token"]]) {
      await stage.newHost();
      await stage.server.must(`mkdir -p ${DB}; cp /root/copy.db ${DB}/state.db`);
      stage.server.write("/root/copy.token", stage.secret);
      if (args.length === 0)
        await stage.server.must(`cp /root/base/server/token ${DATA}/server/token`);
      expect((await stage.plain(args)).state).toBe("ready");
      expect(await stage.objects()).toEqual(["after", "before"]);
      expect(await caOf()).toBe(await baseCa());
      await stage.stop();
    }
  });

  test("wrong or no token: exits `encrypted with different token`; starting again with the right one works", async () => {
    await stage.newHost();
    await stage.server.must(`mkdir -p ${DB}; cp /root/copy.db ${DB}/state.db`);
    for (const args of [["--token", "WRONG"], []]) {
      const { state, said } = await stage.plain(args);
      expect(state).toBe("exited");
      expect(said).toContain("bootstrap data already found and encrypted with different token");
    }
    expect((await stage.plain(["--token", stage.secret])).state).toBe("ready");
  });

  test("state.db copied without its WAL starts fine and has lost recent objects", async () => {
    await stage.pristine();
    await stage.plain();
    await stage.server.must(`sqlite3 ${DB}/state.db 'pragma wal_checkpoint(truncate)'`);
    await stage.server.kubectl("create", "configmap", "recent");
    await stage.server.must(`cp ${DB}/state.db /root/nowal.db`);
    await stage.stop();
    await stage.pristine();
    await stage.server.must(`rm ${DB}/state.db*; cp /root/nowal.db ${DB}/state.db`);
    expect((await stage.plain()).state).toBe("ready");
    expect(await stage.objects()).toEqual(["after", "before"]);
  });

  test("the rows: create, update, delete as in the table of 17; WAL mode; id is the revision", async () => {
    await stage.pristine();
    await stage.plain();
    await stage.server.must(
      "k3s kubectl create configmap probe && k3s kubectl annotate configmap probe a=b && k3s kubectl delete configmap probe",
    );
    await stage.stop();
    writeFileSync("/tmp/lab-conformance.db", await copyOf());
    using db = new Database("/tmp/lab-conformance.db", { readonly: true });
    const rows = db
      .query(
        "select id, created, deleted, create_revision, prev_revision, value is null as novalue, old_value is null as noold from kine where name like '%/configmaps/default/probe' order by id",
      )
      .values()
      .map((row) => row.map(Number));
    const [create = [], update = [], remove = []] = rows;
    expect(rows).toHaveLength(3);
    expect(create.slice(1)).toEqual([1, 0, 0, 0, 0, 1]);
    expect(update.slice(1)).toEqual([0, 0, create[0] ?? 0, create[0] ?? 0, 0, 0]);
    expect(remove.slice(1, 3)).toEqual([0, 1]);
    expect(remove[6]).toBe(0);
    expect(db.query("pragma journal_mode").values()).toEqual([["wal"]]);
    expect(
      String(db.query("select sql from sqlite_master where name = 'kine'").values()),
    ).toContain("prev_revision INTEGER");
  });

  async function copyOf(): Promise<Uint8Array> {
    await stage.server.must(
      `rm -f /root/rows.db; cp ${DB}/state.db /root/rows.db; cp ${DB}/state.db-wal /root/rows.db-wal; sqlite3 /root/rows.db 'pragma wal_checkpoint(truncate)'`,
    );
    return stage.server.readBytes("/root/rows.db");
  }
});
