import { describe, expect, test } from "bun:test";
import { readCanaries } from "../../../src/app/canaries.ts";
import { watchUntil } from "../../../src/k3s/watch.ts";
import { settingsIn, withPrograms } from "../../helpers/programs.ts";

interface Found {
  readonly name: string;
  readonly created?: string;
  readonly phase?: string;
}

/** Paths that are recorded when the API server has these namespaces, and what it was asked. */
async function recorded(namespaces: readonly Found[]): Promise<string[]> {
  const items = namespaces.map(({ name, created = "2026-01-01T00:00:00Z", phase = "Active" }) => ({
    metadata: { name, uid: `uid-${name}`, creationTimestamp: created },
    status: { phase },
  }));
  const asked = "/api/v1/namespaces?resourceVersion=7&resourceVersionMatch=Exact";
  const k3s = `case "$*" in *'--raw ${asked} '*) echo '${JSON.stringify({ items })}';; *) exit 9;; esac`;
  return await withPrograms({ k3s }, async ({ folder, host }) => {
    const canaries = await readCanaries(host, settingsIn(folder), 7);
    return canaries.map(({ path, uid }) => `${path} ${uid}`);
  });
}

describe("readCanaries()", () => {
  test("takes kube-system and the newest of the users', as they were at the snapshot's revision", async () => {
    const users = ["a", "b", "c", "d", "e"].map((name, index) => ({
      name,
      created: `2026-02-0${index + 1}T00:00:00Z`,
    }));
    expect(await recorded([{ name: "kube-system" }, ...users])).toEqual(
      ["kube-system", "e", "d", "c", "b"].map((name) => `/api/v1/namespaces/${name} uid-${name}`),
    );
  });

  test("leaves out what is being deleted: after a restore that would go on", async () => {
    expect(await recorded([{ name: "going", phase: "Terminating" }, { name: "default" }])).toEqual([
      "/api/v1/namespaces/default uid-default",
    ]);
  });

  test("records none when the API server has no history of that revision: the backup is whole without", async () => {
    const k3s = `echo 'Error from server (Expired): The resourceVersion for the provided list is too old.' >&2; exit 1`;
    await withPrograms({ k3s }, async ({ folder, host }) => {
      expect(await readCanaries(host, settingsIn(folder), 7)).toEqual([]);
    });
  });
});

describe("watchUntil()", () => {
  test("ends the watch with the event that was looked for, however it is cut into pieces", async () => {
    const k3s = `echo not json; printf '{"type":"ADDED","object":{"n":1}}\\n{"type":"MODI'; sleep 0.1; printf 'FIED","object":{"n":2}}\\n'; exec sleep 600`;
    await withPrograms({ k3s }, async ({ folder, host }) => {
      const seen: string[] = [];
      const found = await watchUntil(host, settingsIn(folder), {
        path: "/x?watch=true",
        timeout: 500_000,
        take: ({ type, object }) => {
          seen.push(type);
          return type === "MODIFIED" ? object : undefined;
        },
      });
      expect(found).toEqual({ n: 2 });
      expect(seen).toEqual(["ADDED", "MODIFIED"]);
    });
  });

  test("gives nothing when the watch ends, and nothing when its time is over", async () => {
    for (const [k3s, timeout] of [
      ['echo \'{"type":"ADDED"}\'; exit 1', 60_000],
      ["exec sleep 600", 100],
    ] as const) {
      await withPrograms({ k3s }, async ({ folder, host }) => {
        const options = { path: "/x", timeout, take: () => undefined };
        expect(await watchUntil(host, settingsIn(folder), options)).toBeUndefined();
      });
    }
  });
});
