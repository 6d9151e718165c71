import { describe, expect, test } from "bun:test";
import { createServer } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { peerSteps } from "../../../src/app/restore-next.ts";
import { peerLines, requirePeersDown } from "../../../src/app/restore-peers.ts";
import { hostOfUrl, localMembership, nodeOfMember } from "../../../src/k3s/members.ts";
import { peersAmong } from "../../../src/k3s/peers.ts";
import { failureOf } from "../../helpers/errors.ts";
import { withFolder } from "../../helpers/folder.ts";
import { testHost } from "../../helpers/host.ts";
import type { AppEvent } from "../../../src/app/context.ts";
import { listening, certificates } from "./support.ts";

const MEMBERS = [
  { name: "s1-0a1b2c3d", peerUrls: ["https://10.0.0.1:2380"] },
  { name: "my-node-2-0a1b2c3e", peerUrls: ["https://10.0.0.2:2380"] },
  { name: "s3-0a1b2c3f", peerUrls: ["https://[fd00::3]:2390"] },
];

describe("peersAmong()", () => {
  const own = ["10.0.0.1", "127.0.0.1"];
  test("in the order of their names, not in etcd's", () => {
    const names = peersAmong([[...MEMBERS].reverse()], { own, apiPort: 6443 }).map(
      ({ name }) => name,
    );
    expect(names).toEqual(["my-node-2", "s3"]);
  });

  test("every other address once, with its node's name and its port, this server left out by address", () => {
    expect(peersAmong([MEMBERS, MEMBERS], { own, apiPort: 6443 })).toEqual([
      { name: "my-node-2", address: "10.0.0.2", peerPort: 2380, apiPort: 6443 },
      { name: "s3", address: "fd00::3", peerPort: 2390, apiPort: 6443 },
    ]);
  });

  test("a server of our name elsewhere is a peer: the machine we replace may be alive", () => {
    const [found] = peersAmong([MEMBERS.slice(0, 1)], { own: ["10.0.0.9"], apiPort: 6443 });
    expect(found?.address).toBe("10.0.0.1");
  });
});

describe("requirePeersDown()", () => {
  const authorities = { peer: "", server: "" };
  const peerAt = (port: number) => ({
    name: "s2",
    address: "127.0.0.1",
    peerPort: port,
    apiPort: port,
  });
  const contextFor = (said: AppEvent[]) => ({
    host: testHost(),
    talk: (event: AppEvent) => void said.push(event),
    ask: undefined,
  });

  test("a server of the cluster is refused whether forced or not; somebody else only when not forced, and loudly", async () => {
    await withFolder(async (folder) => {
      const { ca, cert, key } = certificates(folder);
      await listening(createTlsServer({ cert, key }), async (port) => {
        for (const force of [false, true]) {
          const input = { peers: [peerAt(port)], authorities: { peer: ca, server: ca }, force };
          const failure = await failureOf(() => requirePeersDown(contextFor([]), input));
          expect([failure.code, failure.exit]).toEqual(["PEER_ALIVE", "refused"]);
          expect(failure.hint).toContain(
            "ssh root@127.0.0.1 systemctl disable --now k3s (restore --peer enables it again",
          );
        }
        const input = { peers: [peerAt(port)], authorities };
        const failure = await failureOf(() =>
          requirePeersDown(contextFor([]), { ...input, force: false }),
        );
        expect(failure.code).toBe("PEER_ADDRESS_ANSWERS");
        const said: AppEvent[] = [];
        await requirePeersDown(contextFor(said), { ...input, force: true });
        expect(said).toHaveLength(1);
        expect(said[0]).toMatchObject({ type: "warning", code: "PEER_ADDRESS_ANSWERS" });
      });
    });
  });

  test("nobody there is no proof that it is down: the plan says so", async () => {
    const port = await listening(createServer(), async (free) => free);
    const input = { peers: [peerAt(port)], authorities, force: false };
    await requirePeersDown(contextFor([]), input);
    expect(peerLines(input.peers)[0]).toContain(
      "silent: s2 (127.0.0.1); stopped, off, or alive behind a cut cable",
    );
    expect(peerLines([])).toEqual([]);
  });
});

describe("localMembership()", () => {
  test("reads the members of a database on disk; a voter has others beside it; nothing is no error", async () => {
    await withFolder(async (folder) => {
      expect(await localMembership(folder)).toBe(undefined);
      const etcd = `${folder}/server/db/etcd`;
      mkdirSync(`${etcd}/member/snap`, { recursive: true });
      const snapshot = gunzipSync(readFileSync("tests/testdata/datastore/etcd-3.7.snapshot.gz"));
      writeFileSync(`${etcd}/member/snap/db`, snapshot.subarray(0, -32));
      const found = await localMembership(folder);
      const [member] = found?.members ?? [];
      expect(found?.members).toHaveLength(1);
      expect(found?.own).toBe(undefined);
      writeFileSync(`${etcd}/name`, `${member?.name ?? ""}\n`);
      const own = await localMembership(folder);
      expect(own?.own?.id).toBe(member?.id ?? "?");
      expect(own?.isVoter).toBe(false);
      writeFileSync(`${etcd}/member/snap/db`, snapshot.subarray(0, 5000));
      expect(await localMembership(folder)).toBe(undefined);
    });
  });

  test("names and addresses", () => {
    expect(nodeOfMember("my-node-2-0a1b2c3e")).toBe("my-node-2");
    expect(hostOfUrl("https://[fd00::3]:2380")).toBe("fd00::3");
    expect(hostOfUrl("nonsense")).toBe("");
  });
});

describe("peerSteps()", () => {
  const peers = peersAmong([MEMBERS], { own: ["10.0.0.1"], apiPort: 6443 });
  test("servers one by one", () => {
    const steps = peerSteps(peers, "https://10.0.0.1:6443");
    expect(steps).toHaveLength(2);
    expect(steps[0]).toContain("my-node-2 (10.0.0.2)");
    expect(steps[0]).toContain("railiance-cluster restore --peer https://10.0.0.1:6443");
    expect(peerSteps([], "")).toEqual([]);
  });
});
