/** What may be removed, and what must not be called so. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { listRemovable } from "../../../src/app/removable.ts";
import { readServerFolder } from "../../../src/k3s/server-folder.ts";
import { roomTaken } from "../../../src/sys/folder-size.ts";
import { withFolder } from "../../helpers/folder.ts";
import { layEtcd, layRemains, put } from "./support.ts";
import type { RemovableInput } from "../../../src/app/removable.ts";
import type { RestorePlan } from "../../../src/app/journal.ts";

const ID = "20261123T023107Z-7f3a90c1";
const ARCHIVE = "/opt/backup/railiance/cluster/a.tar.zst.age";

async function removableIn(
  folder: string,
  options: Partial<RemovableInput> = {},
): Promise<readonly (readonly [string, string, string | undefined])[]> {
  const found = await listRemovable({
    folder: await readServerFolder(folder),
    inDoubt: false,
    unfinished: undefined,
    journalDamaged: false,
    stateFolder: `${folder}/state`,
    ...options,
  });
  return found.map(({ path, what, from }) => [path.slice(folder.length + 1), what, from]);
}

function layRestore(folder: string): void {
  put(`${folder}/server/before-20261123T023107Z/token`, "K10");
  put(`${folder}/server/db/before-20261123T023107Z/etcd/name`);
  put(`${folder}/server/undone-20261123T023107Z/token`);
  put(`${folder}/server/unfinished-20261123T023209123Z-20261123T023107Z/db-etcd/name`);
  put(`${folder}/server/newer-than-database-20261123T023220456Z-20261123T023107Z/passwd`);
  put(
    `${folder}/state/restore-${ID}/journal`,
    `${JSON.stringify({ type: "plan", plan: { archive: ARCHIVE } })}\n`,
  );
}

function planOf(folder: string): RestorePlan {
  return {
    id: ID,
    started: "2026-11-23T02:31:07Z",
    archive: ARCHIVE,
    folder: `${folder}/state/restore-${ID}`,
    dataDir: folder,
    moves: [],
    files: [],
    wasRunning: true,
    wasReady: true,
    hadUnit: true,
    keep: false,
    peers: [],
    forced: false,
  };
}

describe("what may be removed", () => {
  test("everything that a restore moved aside, with the archive it was for", async () => {
    await withFolder(async (folder) => {
      layRestore(folder);
      const found = await removableIn(folder);
      const byPath = found.toSorted(([left], [right]) => (left < right ? -1 : 1));
      expect(byPath).toEqual([
        ["server/before-20261123T023107Z", "data from before a restore", ARCHIVE],
        ["server/db/before-20261123T023107Z", "data from before a restore", ARCHIVE],
        [
          "server/newer-than-database-20261123T023220456Z-20261123T023107Z",
          "files that K3s took for newer than a restored database",
          ARCHIVE,
        ],
        ["server/undone-20261123T023107Z", "data of a restore that was undone", ARCHIVE],
        [
          "server/unfinished-20261123T023209123Z-20261123T023107Z",
          "parts of a reset that was cut off",
          ARCHIVE,
        ],
        [`state/restore-${ID}`, "record of a restore", ARCHIVE],
      ]);
    });
  });

  test("nothing of a restore that is not finished, nor of any when its journal is damaged", async () => {
    await withFolder(async (folder) => {
      layRestore(folder);
      put(`${folder}/server/before-20251123T023107Z/token`, "of an earlier one");
      const others = await removableIn(folder, { unfinished: planOf(folder) });
      expect(others.map(([path]) => path)).toEqual(["server/before-20251123T023107Z"]);
      expect(await removableIn(folder, { journalDamaged: true })).toEqual([]);
    });
  });

  test("what resets of K3s moved aside, but not the database that a failed one needs back", async () => {
    await withFolder(async (folder) => {
      layEtcd(folder, "etcd");
      layEtcd(folder, "etcd-old-1795400000");
      layRemains(folder, "etcd-old-1795400100");
      put(`${folder}/server/tls-1795400001/server-ca.crt`);
      put(`${folder}/server/db/state.db.migrated`);
      const found = await removableIn(folder);
      expect(found.map(([path]) => path).toSorted()).toEqual([
        "server/db/etcd-old-1795400000",
        "server/db/etcd-old-1795400100",
        "server/db/state.db.migrated",
        "server/tls-1795400001",
      ]);
      expect(
        (await removableIn(folder, { inDoubt: true })).map(([path]) => path).toSorted(),
      ).toEqual(["server/db/etcd-old-1795400100", "server/db/state.db.migrated"]);
    });
  });

  test("never a name that is not ours, the data itself, or SQLite's file that nothing replaced", async () => {
    await withFolder(async (folder) => {
      for (const name of ["before-the-move", "tls", "cred", "db", "before-20261123T023107Z.tar"]) {
        mkdirSync(`${folder}/server/${name}`, { recursive: true });
      }
      put(`${folder}/server/db/state.db`);
      put(`${folder}/server/db/state.db.migrated`);
      expect(await removableIn(folder)).toEqual([]);
    });
  });

  test("a name with a space or a quote is one word of the command", async () => {
    await withFolder(async (folder) => {
      const data = `${folder}/it's here`;
      put(`${data}/server/before-20261123T023107Z/token`);
      const [one] = await listRemovable({
        folder: await readServerFolder(data),
        inDoubt: false,
        unfinished: undefined,
        journalDamaged: false,
        stateFolder: `${folder}/state`,
      });
      expect(one?.command).toBe(
        `rm -r -- '${folder}/it'\\''s here/server/before-20261123T023107Z'`,
      );
    });
  });
});

describe("roomTaken()", () => {
  test("counts what lies on the disk, holes left out; nothing for what is not there", async () => {
    await withFolder(async (folder) => {
      mkdirSync(`${folder}/a/b`, { recursive: true });
      writeFileSync(`${folder}/a/b/file`, new Uint8Array(1_000_000).fill(1));
      const taken = await roomTaken(`${folder}/a`);
      expect(taken).toBeGreaterThan(999_999);
      expect(taken).toBeLessThan(1_200_000);
      expect(await roomTaken(`${folder}/none`)).toBe(0);
    });
  });
});
