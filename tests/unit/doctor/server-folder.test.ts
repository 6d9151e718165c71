/** What a server's folder holds after a restore by hand: real folders, real databases of one cluster. */
import { describe, expect, test } from "bun:test";
import { readServerFolder } from "../../../src/k3s/server-folder.ts";
import { withFolder } from "../../helpers/folder.ts";
import { layEtcd, layRemains, put } from "./support.ts";
import { FIRST, SECOND } from "./attempt-support.ts";

describe("the folder of a server", () => {
  const CASES: readonly (readonly [string, (data: string) => void, Record<string, unknown>])[] = [
    ["nothing there", () => undefined, { etcd: "missing", etcdOld: [], resetFlag: false }],
    ["etcd with its log", (data) => layEtcd(data, "etcd"), { etcd: "database" }],
    ["parts of etcd", (data) => layRemains(data, "etcd"), { etcd: "torso" }],
    ["a log that is a file", (data) => put(`${data}/server/db/etcd/member/wal`), { etcd: "torso" }],
    [
      "a tombstone beside a log",
      (data) => {
        layEtcd(data, "etcd");
        put(`${data}/server/db/etcd/tombstone`);
      },
      { etcd: "tombstone" },
    ],
    ["a flag", (data) => put(`${data}/server/db/reset-flag`), { resetFlag: true }],
    [
      "names that are nearly those of K3s",
      (data) => {
        for (const name of ["etcd-old-x", "etcd-old-1795400000.bak", "my-etcd-old-1795400000"]) {
          layEtcd(data, name);
        }
      },
      { etcdOld: [] },
    ],
  ];
  for (const [name, make, expected] of CASES) {
    test(`${name}: told as what it is`, async () => {
      await withFolder(async (folder) => {
        make(folder);
        expect(await readServerFolder(folder)).toMatchObject(expected);
      });
    });
  }

  test("several kept ones come oldest first, told apart by their log", async () => {
    await withFolder(async (folder) => {
      layRemains(folder, SECOND);
      layEtcd(folder, FIRST);
      const { etcdOld } = await readServerFolder(folder);
      expect(etcdOld.map(({ moved, whole }) => [moved.getTime() / 1000, whole])).toEqual([
        [1795400000, true],
        [1795400100, false],
      ]);
    });
  });
});
