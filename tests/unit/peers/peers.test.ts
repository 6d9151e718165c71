import { describe, expect, test } from "bun:test";
import { createServer } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { execFileSync } from "node:child_process";
import { peerSteps } from "../../../src/app/restore-next.ts";
import { joinFiles } from "../../../src/app/join-config.ts";
import { peerLines, requirePeersDown } from "../../../src/app/restore-peers.ts";
import { joinRefusal } from "../../../src/k3s/join-refusal.ts";
import { hostOfUrl, localMembership, nodeOfMember } from "../../../src/k3s/members.ts";
import { peersAmong } from "../../../src/k3s/peers.ts";
import { fetchAuthority, remoteMembers } from "../../../src/k3s/supervisor.ts";
import { answers, showsCertificateOf } from "../../../src/sys/tcp.ts";
import { failureOf } from "../../helpers/errors.ts";
import { withFolder } from "../../helpers/folder.ts";
import { testHost } from "../../helpers/host.ts";
import { testSettings } from "../../helpers/settings.ts";
import type { AddressInfo, Server, Socket } from "node:net";
import type { AppEvent } from "../../../src/app/context.ts";

const OPTIONS = { timeout: 5_000, signal: new AbortController().signal };
const MEMBERS = [
  { name: "s1-0a1b2c3d", peerUrls: ["https://10.0.0.1:2380"] },
  { name: "my-node-2-0a1b2c3e", peerUrls: ["https://10.0.0.2:2380"] },
  { name: "s3-0a1b2c3f", peerUrls: ["https://[fd00::3]:2390"] },
];

async function listening<T>(server: Server, action: (port: number) => Promise<T>): Promise<T> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address() as AddressInfo; // eslint-disable-line typescript/no-unsafe-type-assertion -- TCP
  try {
    return await action(address.port);
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** A CA and a certificate of it, made by openssl. */
function certificates(folder: string): { ca: string; cert: string; key: string } {
  const run = (...args: string[]): unknown =>
    execFileSync("openssl", args, { cwd: folder, stdio: "ignore" });
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  run(
    "req",
    "-x509",
    ...curve,
    "-keyout",
    "ca.key",
    "-out",
    "ca.crt",
    "-subj",
    "/CN=ca",
    "-days",
    "2",
  );
  run("req", ...curve, "-keyout", "s.key", "-out", "s.csr", "-subj", "/CN=server");
  run(
    "x509",
    "-req",
    "-in",
    "s.csr",
    "-CA",
    "ca.crt",
    "-CAkey",
    "ca.key",
    "-CAcreateserial",
    "-out",
    "s.crt",
    "-days",
    "2",
  );
  const read = (name: string): string => readFileSync(`${folder}/${name}`, "utf8");
  return { ca: read("ca.crt"), cert: read("s.crt"), key: read("s.key") };
}

describe("answers()", () => {
  test("yes where somebody listens, no where nobody does", async () => {
    const server = createServer((socket) => socket.destroy());
    const free = await listening(server, async (port) => {
      expect(await answers({ address: "127.0.0.1", port }, OPTIONS)).toBe(true);
      return port;
    });
    expect(await answers({ address: "127.0.0.1", port: free }, OPTIONS)).toBe(false);
  });

  test("no for a name that nobody has, and a signal ends the wait with its reason", async () => {
    const place = { address: "no-such-host.invalid", port: 6443 };
    expect(await answers(place, OPTIONS)).toBe(false);
    const reason = new Error("stopped");
    const signal = AbortSignal.abort(reason);
    const outcome = await answers(place, { ...OPTIONS, signal }).catch((error: unknown) => error);
    expect(outcome).toBe(reason);
  });
});

describe("showsCertificateOf()", () => {
  test("tells a server of the authority from any other, and from one that speaks no TLS", async () => {
    await withFolder(async (folder) => {
      mkdirSync(`${folder}/a`);
      mkdirSync(`${folder}/b`);
      const [own, other] = [certificates(`${folder}/a`), certificates(`${folder}/b`)];
      await listening(createTlsServer({ cert: own.cert, key: own.key }), async (port) => {
        const place = { address: "127.0.0.1", port };
        expect(await showsCertificateOf(place, { ...OPTIONS, authority: own.ca })).toBe(true);
        expect(await showsCertificateOf(place, { ...OPTIONS, authority: other.ca })).toBe(false);
      });
      const plain = createServer((socket) => socket.end("220 hello\r\n"));
      await listening(plain, async (port) => {
        const place = { address: "127.0.0.1", port };
        expect(await showsCertificateOf(place, { ...OPTIONS, authority: own.ca })).toBe(false);
      });
    });
  });
});

describe("the supervisor of another server", () => {
  test("nobody there: one sentence with the address and what to look at", async () => {
    const url = "https://127.0.0.1:1";
    const failure = await failureOf(() => fetchAuthority(testHost(), url));
    expect([failure.code, failure.exit]).toEqual(["RESTORED_SILENT", "precondition"]);
    expect(failure.message).toContain(`no K3s server answers at ${url}`);
  });

  test("the password does not go to a server of another authority", async () => {
    await withFolder(async (folder) => {
      mkdirSync(`${folder}/a`);
      mkdirSync(`${folder}/b`);
      const [own, other] = [certificates(`${folder}/a`), certificates(`${folder}/b`)];
      let heard = "";
      const server = createTlsServer({ cert: other.cert, key: other.key }, (socket) => {
        socket.on("error", () => undefined);
        socket.on("data", (piece) => (heard += piece.toString()));
      });
      server.on("tlsClientError", () => undefined);
      await listening(server, async (port) => {
        const url = `https://127.0.0.1:${port}`;
        const access = { authority: own.ca, password: "secret-password" };
        const failure = await failureOf(() => remoteMembers(testHost(), url, access));
        expect(failure.code).toBe("RESTORED_SILENT");
        expect(failure.message).not.toContain("secret-password");
      });
      expect(heard).toBe("");
    });
  });
});

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
          expect(failure.hint).toContain("ssh root@127.0.0.1 systemctl stop k3s");
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

describe("joinRefusal()", () => {
  const fatal =
    'level=fatal msg="Error: preparing server: failed to bootstrap cluster data: failed to validate server configuration: critical configuration value mismatch between servers"';
  test("names what differs, as K3s's warnings do", () => {
    const lines = [
      'time="…" level=warning msg="critical configuration mismatched: cluster-cidr"',
      'time="…" level=warning msg="critical configuration mismatched: secrets-encryption"',
      fatal,
    ];
    expect(joinRefusal(lines)?.message).toContain(
      "because cluster-cidr, secrets-encryption differ between",
    );
    expect(joinRefusal(lines.slice(1))?.message).toContain(
      "because secrets-encryption differs between",
    );
    expect(joinRefusal([fatal])?.message).toContain("because settings differ between");
  });

  test("a wrong token, files that are newer, and words that are none of these", () => {
    const token =
      'level=fatal msg="Error: preparing server: failed to bootstrap cluster data: not authorized"';
    expect(joinRefusal([token])?.message).toContain("token");
    const newer =
      'level=fatal msg="/x/cred/passwd newer than datastore and could cause a cluster outage. Remove …"';
    expect(joinRefusal([newer])?.message).toContain("/x/cred/passwd is newer");
    expect(joinRefusal(['level=info msg="k3s is up and running"'])).toBe(undefined);
  });
});

describe("joinFiles()", () => {
  const join = { url: "https://10.0.0.2:6443", token: `K10${"a".repeat(64)}::server:secret` };
  const filesFor = async (
    config: Record<string, readonly string[]>,
    flags: readonly string[] = [],
  ) =>
    (await joinFiles(testSettings({ config, flags }), join)).map(({ target, content }) => [
      target,
      content
        .split("\n")
        .filter((line) => !line.startsWith("#"))
        .join("\n"),
    ]);
  const token = ["/etc/rancher/k3s/railiance/token", `${join.token}\n`];
  const dropIn = (text: string) => ["/etc/rancher/k3s/config.yaml.d/zz-railiance-join.yaml", text];

  test("nothing when server and token are right, whatever form the token has", async () => {
    expect(await filesFor({ server: [join.url], token: ["secret"] })).toEqual([]);
    expect(await filesFor({ server: [`${join.url}/`], token: [join.token] })).toEqual([]);
  });

  test("server: where it is missing or another, token-file: where the token is in server/token alone, or wrong", async () => {
    const server = `server: ${join.url}\n`;
    const file = "token-file: /etc/rancher/k3s/railiance/token\n";
    expect(await filesFor({ "cluster-init": ["true"], token: ["secret"] })).toEqual([
      dropIn(server),
    ]);
    expect(await filesFor({ server: ["https://10.0.0.1:6443"], token: ["secret"] })).toEqual([
      dropIn(server),
    ]);
    expect(await filesFor({ server: [join.url] })).toEqual([token, dropIn(file)]);
    expect(await filesFor({ token: ["wrong"] })).toEqual([token, dropIn(server + file)]);
  });

  test("a command line that says otherwise wins over files: refused", async () => {
    const failure = await failureOf(() =>
      filesFor({ token: ["secret"] }, ["--server=https://10.0.0.1:6443"]),
    );
    expect([failure.code, failure.message]).toEqual([
      "UNIT_FLAG",
      expect.stringContaining("--server"),
    ]);
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
