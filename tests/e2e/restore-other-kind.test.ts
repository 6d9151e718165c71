/**
 * Restoring an archive of the other datastore: a server that moved from SQLite to etcd since
 * (or was made anew with the other one) becomes again what the archive has.
 */
import { describe, expect, test } from "bun:test";
import { skipWithoutLab, startBareServer } from "../lab/server.ts";
import { released } from "../fault/old-archives/released.ts";
import { DATA, authorityOf, expectRefusal, leftovers, objectsOf, restore } from "./restore-host.ts";
import type { BareServer, Datastore } from "../lab/server.ts";

const KEY = "/media/usb/key.txt";
const DB = `${DATA}/server/db`;

async function withArchive(server: BareServer, name: string): Promise<string> {
  const { file, bytes, identity } = released(name);
  server.write(`/media/usb/${file}`, bytes);
  server.write(KEY, `${identity}\n`);
  return `/media/usb/${file}`;
}

/** The datastore that a start of K3s would take (k3s-observed.md 8). */
function kindOf(server: BareServer): Datastore | "none" {
  if (server.exists(`${DB}/etcd/member/wal`)) return "etcd";
  return server.exists(`${DB}/state.db`) ? "sqlite" : "none";
}

describe.skipIf(skipWithoutLab())("an archive of the other datastore", () => {
  for (const [here, name, there] of [
    ["etcd", "0.1.0/sqlite", "sqlite"],
    ["sqlite", "0.1.0/everything", "etcd"],
  ] as const) {
    test(`${there} on a server with ${here}: its cluster comes back, and what was here goes back with the data aside`, async () => {
      await using server = await startBareServer({ datastore: here, helm: false });
      const [objects, authority] = [await objectsOf(server), await authorityOf(server)];
      const archive = await withArchive(server, name);
      const refused = await restore(server, `--yes -i ${KEY} ${archive}`);
      expectRefusal(refused, { exit: 10, says: "another cluster", hint: "--force" });
      expect(kindOf(server)).toBe(here);

      const done = await restore(server, `--yes --force -i ${KEY} ${archive}`);
      expect({ exit: done.exitCode, stderr: done.stderr }).toEqual({
        exit: 0,
        stderr: expect.any(String),
      });
      expect(kindOf(server)).toBe(there);
      expect(await authorityOf(server)).not.toBe(authority);
      expect(await leftovers(server)).toBe("");

      // The safety backup is an archive of the cluster that was here, with the other datastore.
      const [, before = ""] = /saved in (\S+\.age)/.exec(done.stderr) ?? [];
      const back = await restore(server, `--yes --force -i ${KEY} ${before}`);
      expect({ exit: back.exitCode, stderr: back.stderr }).toEqual({
        exit: 0,
        stderr: expect.any(String),
      });
      expect(kindOf(server)).toBe(here);
      expect(await objectsOf(server)).toBe(objects);
      expect(await authorityOf(server)).toBe(authority);
    }, 300_000);
  }
});
