import { describe, expect, test } from "bun:test";
import { bucketEntries, openBolt } from "../../../src/datastore/bolt.ts";
import { etcdStateAt } from "../../../src/datastore/etcd-state.ts";
import { errorOf, expected, fillingFile, memoryFile, snapshot, SNAPSHOTS } from "./support.ts";

/** A restored database is the snapshot without its trailer. */
function database(bytes: Uint8Array): Uint8Array {
  return bytes.slice(0, -32);
}

interface Change {
  readonly revision: number;
  readonly key: string;
  readonly deleted: boolean;
}

/** Every change in the order of revisions, read the long way (k3s-observed.md 16.4). */
async function changesIn(bytes: Uint8Array): Promise<Change[]> {
  const changes: Change[] = [];
  for await (const { key, value } of bucketEntries(await openBolt(memoryFile(bytes)), ["key"])) {
    const view = new DataView(key.buffer, key.byteOffset, key.byteLength);
    const [tag, length = 0] = value;
    expect([tag, length < 128]).toEqual([10, true]);
    changes.push({
      revision: Number(view.getBigUint64(0)),
      key: new TextDecoder().decode(value.slice(2, 2 + length)),
      deleted: key.byteLength > 17,
    });
  }
  return changes;
}

describe("etcdStateAt()", () => {
  test("counts at the snapshot's own revision what the etcd that made it counted", async () => {
    for (const name of SNAPSHOTS) {
      const { revision, keys } = expected(name);
      const state = await etcdStateAt(fillingFile(database(snapshot(name))), { revision });
      expect([name, state.keys, state.revision, state.newerObjects, state.members.length]).toEqual([
        name,
        keys,
        revision,
        0,
        1,
      ]);
    }
  });

  test("counts at every earlier revision what lived then, and the objects written later", async () => {
    const bytes = snapshot("etcd-3.7");
    const changes = await changesIn(bytes);
    const { revision } = expected("etcd-3.7");
    const seen = new Set<number>();
    for (let at = 1; at <= revision; at += 1) {
      const last = new Map(
        changes.filter((one) => one.revision <= at).map((one) => [one.key, one.deleted]),
      );
      const newer = changes.filter(
        (one) => one.revision > at && !one.deleted && one.key.startsWith("/registry/"),
      );
      const state = await etcdStateAt(memoryFile(bytes), { revision: at });
      expect([at, state.keys, state.newerObjects, state.revision]).toEqual([
        at,
        [...last.values()].filter((deleted) => !deleted).length,
        newer.length,
        revision,
      ]);
      seen.add(state.keys);
    }
    expect(seen.size).toBeGreaterThan(3);
    expect(changes.some(({ deleted }) => deleted)).toBe(true);
  });

  test("a file that is no database of etcd is refused", async () => {
    const file = memoryFile(new Uint8Array(8192));
    expect((await errorOf(etcdStateAt(file, { revision: 1 })))?.exit).toBe("verifyFailed");
  });
});
