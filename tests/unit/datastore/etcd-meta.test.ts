import { Buffer } from "node:buffer";
import { describe, expect, test } from "bun:test";
import { openBolt } from "../../../src/datastore/bolt.ts";
import { readEtcdMeta } from "../../../src/datastore/etcd-meta.ts";
import { buildBolt, inlinePage } from "./build-bolt.ts";
import { errorOf, memoryFile, snapshot } from "./support.ts";

const INDEX = String.fromCharCode(0, 0, 0, 0, 0, 0, 1, 2);

async function read(bytes: Uint8Array): ReturnType<typeof readEtcdMeta> {
  return readEtcdMeta(await openBolt(memoryFile(bytes)));
}

function built(meta: Record<string, string>, members: Record<string, string>): Uint8Array {
  return buildBolt([
    { leaf: { members: { inline: inlinePage(members) }, meta: { inline: inlinePage(meta) } } },
  ]);
}

describe("readEtcdMeta()", () => {
  test("reads what etcd 3.7 notes", async () => {
    const meta = await read(snapshot("etcd-3.7"));
    expect(meta.storageVersion).toBe("3.7.0");
    expect(meta.clusterVersion).toBe("3.7.0");
    expect(meta.term).toBe(2);
    expect(meta.consistentIndex).toBeGreaterThan(28);
    expect(meta.members).toHaveLength(1);
    const [member] = meta.members;
    expect(member?.name).toBe("s1");
    expect(member?.peerUrls).toEqual(["http://127.0.0.1:23800"]);
    expect(member?.clientUrls).toEqual(["http://127.0.0.1:23790"]);
    // The raft state and the list of members name the same one, to the last digit.
    expect(meta.voters).toEqual([member?.id ?? ""]);
  });

  test("reads etcd 3.4, which notes less", async () => {
    const meta = await read(snapshot("etcd-3.4"));
    expect(meta.term).toBeUndefined();
    expect(meta.storageVersion).toBeUndefined();
    expect(meta.voters).toBeUndefined();
    expect(meta.clusterVersion).toBe("3.4.0");
    expect(meta.members.map(({ name }) => name)).toEqual(["s1"]);
  });

  test("knows up to where history was removed", async () => {
    expect((await read(snapshot("etcd-3.7-compacted"))).compactRevision).toBe(5);
    expect((await read(snapshot("etcd-3.7"))).compactRevision).toBe(0);
  });

  test("an id that begins with zeros, which etcd leaves out, is the one that its raft state names", async () => {
    const state = `{"voters":[${BigInt("0x0d2c27b9fbd59ed2")}],"auto_leave":false}`;
    const member = '{"id":1,"peerURLs":["http://a:2380"],"name":"a"}';
    const meta = await read(
      built({ confState: state, consistent_index: INDEX }, { d2c27b9fbd59ed2: member }),
    );
    expect(meta.members.map(({ id }) => id)).toEqual(["0d2c27b9fbd59ed2"]);
    expect(meta.voters).toEqual(["0d2c27b9fbd59ed2"]);
  });

  test("tells three members, one of which has not started, from one", async () => {
    const started = (name: string): string =>
      JSON.stringify({
        id: 1,
        name,
        peerURLs: [`https://${name}:2380`],
        clientURLs: ["https://x:2379"],
      });
    const members = {
      a1: started("one"),
      a2: started("two"),
      a3: '{"id":3,"peerURLs":["https://three:2380"]}',
    };
    const meta = await read(
      built(
        { confState: '{"voters":[10276657743932975437,2,3]}', consistent_index: INDEX },
        members,
      ),
    );
    expect(meta.members.map(({ id, name }) => `${id} ${name}`)).toEqual([
      `${"0".repeat(14)}a1 one`,
      `${"0".repeat(14)}a2 two`,
      `${"0".repeat(14)}a3 `,
    ]);
    expect(meta.members[2]?.clientUrls).toEqual([]);
    expect(meta.voters?.[0]).toBe("8e9e05c52164694d");
    expect(meta.consistentIndex).toBe(0x0102);
  });

  test("refuses a store without an index, with a broken member, or with a broken raft state", async () => {
    const cases: [bytes: Uint8Array, says: string][] = [
      [built({ term: INDEX }, {}), "consistent index is missing"],
      [built({ consistent_index: "short" }, {}), "consistent index is missing"],
      [built({ consistent_index: INDEX }, { a1: "{" }), "member a1 cannot be read"],
      [built({ consistent_index: INDEX }, { a1: "{}" }), "member a1 cannot be read"],
      [built({ confState: "[]x", consistent_index: INDEX }, {}), "raft state cannot be read"],
    ];
    for (const [bytes, says] of cases) {
      const error = await errorOf(read(bytes));
      expect(error?.code).toBe("SNAPSHOT_STRUCTURE");
      expect(error?.message ?? "").toContain(says);
    }
  });

  test("keeps text as it is though it looks like a long number", async () => {
    const member = JSON.stringify({ name: "[1,2345]", peerURLs: ["http://[::1]:2380"] });
    const meta = await read(built({ consistent_index: INDEX }, { a1: member }));
    expect(meta.members[0]?.name).toBe("[1,2345]");
    expect(Buffer.from(meta.members[0]?.peerUrls[0] ?? "").toString()).toBe("http://[::1]:2380");
  });
});
