import { describe, expect, test } from "bun:test";
import { createServer } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { mkdirSync } from "node:fs";
import { fetchAuthority, remoteMembers } from "../../../src/k3s/supervisor.ts";
import { answers, showsCertificateOf } from "../../../src/sys/tcp.ts";
import { failureOf } from "../../helpers/errors.ts";
import { withFolder } from "../../helpers/folder.ts";
import { testHost } from "../../helpers/host.ts";
import { listening, certificates } from "./support.ts";

const OPTIONS = { timeout: 5_000, signal: new AbortController().signal };

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
