import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import * as v from "valibot";
import {
  agentTokenOf,
  bootstrapFile,
  caHash,
  decryptBootstrap,
  encryptBootstrap,
  findBootstrap,
  requireBootstrapFiles,
} from "../../../src/datastore/bootstrap.ts";
import type { BootstrapData, BootstrapFile } from "../../../src/datastore/bootstrap.ts";
import { sealEnvelope } from "../../../src/datastore/bootstrap-cipher.ts";
import { codeOf, errorOf, testdata } from "./support.ts";

const timestamp = "2026-11-23T10:00:00Z";
const NAMES = [
  ...["ClientCA", "ServerCA", "RequestHeaderCA", "ETCDServerCA", "ETCDPeerCA"].flatMap((name) => [
    name,
    `${name}Key`,
  ]),
  "ServiceKey",
];

function data(files: Readonly<Record<string, string>>): BootstrapData {
  return new Map(
    Object.entries(files).map(([name, text]): [string, BootstrapFile] => [
      name,
      { timestamp, content: Buffer.from(text) },
    ]),
  );
}

async function attempt(action: () => unknown): Promise<void> {
  await action();
}

function json(text: string): Uint8Array {
  return sealEnvelope(Buffer.from(text), "pw");
}

describe("decryptBootstrap()", () => {
  test("opens a value sealed by Go's own primitives the way K3s seals it", () => {
    const value = readFileSync(join(testdata, "bootstrap-vector.txt"));
    const opened = decryptBootstrap(value, "vector-password");
    expect([...opened.keys()]).toEqual(["ClientCA", "Empty"]);
    expect(Buffer.from(bootstrapFile(opened, "ClientCA") ?? []).toString()).toBe("hello");
    expect(opened.get("ClientCA")?.timestamp).toBe(timestamp);
    expect(opened.get("Empty")?.content.byteLength).toBe(0);
  });

  test("is the reverse of encryptBootstrap()", () => {
    const files = fc.dictionary(fc.stringMatching(/^[A-Z][A-Za-z]{0,12}$/), fc.string(), {
      noNullPrototype: true,
    });
    fc.assert(
      fc.property(files, fc.string({ minLength: 1 }), (content, password) => {
        const opened = decryptBootstrap(encryptBootstrap(data(content), password), password);
        for (const [name, text] of Object.entries(content)) {
          expect(Buffer.from(bootstrapFile(opened, name) ?? [])).toEqual(Buffer.from(text));
        }
        expect(opened.size).toBe(Object.keys(content).length);
      }),
      { numRuns: 30 },
    );
  });

  test("never seals twice alike", () => {
    const seal = (): string => Buffer.from(encryptBootstrap(data({ a: "b" }), "pw")).toString();
    expect(seal() === seal()).toBe(false);
    expect(seal()).toMatch(/^[0-9a-f]{16}:[A-Za-z0-9+/]+=*$/);
  });

  test("refuses another password and any change, saying nothing of the content", async () => {
    const value = encryptBootstrap(data({ ServiceKey: "a very secret key" }), "pw");
    expect(await codeOf(attempt(() => decryptBootstrap(value, "other")))).toBe("BOOTSTRAP_DAMAGED");
    for (const at of [0, 15, 20, value.byteLength - 6]) {
      const bytes = value.slice();
      bytes[at] = bytes[at] === 0x41 ? 0x42 : 0x41;
      const error = await errorOf(attempt(() => decryptBootstrap(bytes, "pw")));
      expect(error?.code).toBe("BOOTSTRAP_DAMAGED");
      expect(error?.message ?? "").not.toContain("secret");
    }
  });

  test("refuses what is empty or not in the format", async () => {
    for (const text of ["", "no colon", "salt:", "salt:AAAA", "salt:not base64!", ":"]) {
      const found = await codeOf(attempt(() => decryptBootstrap(Buffer.from(text), "pw")));
      expect(found).toBe("BOOTSTRAP_DAMAGED");
    }
  });

  test("refuses JSON of another shape without quoting it", async () => {
    for (const text of [
      "secret",
      "[]",
      '{"ClientCA":5}',
      '{"ClientCA":{"Content":5}}',
      '{"secret',
    ]) {
      const error = await errorOf(attempt(() => decryptBootstrap(json(text), "pw")));
      expect(error?.code).toBe("BOOTSTRAP_DAMAGED");
      expect(error?.message ?? "").not.toContain("secret");
      expect(error?.cause).toBeUndefined();
    }
  });

  test("reads the form K3s had before it noted times", () => {
    const opened = decryptBootstrap(json('{"ClientCA":"aGVsbG8="}'), "pw");
    expect(Buffer.from(bootstrapFile(opened, "ClientCA") ?? []).toString()).toBe("hello");
    expect(opened.get("ClientCA")?.timestamp).toBeUndefined();
  });
});

describe("requireBootstrapFiles()", () => {
  const whole = Object.fromEntries(NAMES.map((name) => [name, "content"]));

  test("accepts a whole set; SQLite needs no etcd files", () => {
    requireBootstrapFiles(data(whole), "etcd");
    const sqlite = Object.fromEntries(
      Object.entries(whole).filter(([name]) => !name.startsWith("ETCD")),
    );
    requireBootstrapFiles(data(sqlite), "sqlite");
  });

  test("names each file that is missing or empty", async () => {
    for (const name of NAMES) {
      const { [name]: _, ...others } = whole;
      for (const files of [others, { ...others, [name]: "" }]) {
        const error = await errorOf(attempt(() => requireBootstrapFiles(data(files), "etcd")));
        expect(error?.code).toBe("BOOTSTRAP_DAMAGED");
        expect(error?.message ?? "").toContain(`: ${name} missing`);
      }
    }
  });
});

describe("findBootstrap()", () => {
  const key = (hash: string): { hash: string; readValue: () => Promise<Uint8Array> } => ({
    hash,
    readValue: async () => new Uint8Array(),
  });

  test("takes the key of our token among several", () => {
    // sha256("secret") begins so, as K3s's documentation and logs have it.
    const found = findBootstrap([key("000000000000"), key("2bb80d537b1d")], "secret");
    expect(found.hash).toBe("2bb80d537b1d");
  });

  test("tells no bootstrap data from that of another token, and names the hashes", async () => {
    expect(await codeOf(attempt(() => findBootstrap([], "secret")))).toBe("BOOTSTRAP_MISSING");
    const error = await errorOf(attempt(() => findBootstrap([key("000000000000")], "secret")));
    expect(error?.code).toBe("BOOTSTRAP_OTHER_TOKEN");
    expect(error?.message ?? "").toContain("000000000000");
    expect(error?.message ?? "").toContain("2bb80d537b1d");
  });
});

describe("agentTokenOf()", () => {
  test("finds an agent password of its own, whatever the order and the quotes", () => {
    const server = "secret,server,server,k3s:server";
    expect(agentTokenOf(data({ PasswdFile: `agentsecret,node,node,k3s:agent\n${server}\n` }))).toBe(
      "agentsecret",
    );
    expect(
      agentTokenOf(data({ PasswdFile: `${server}\r\n"a ""b"", c",node,node,k3s:agent\r\n` })),
    ).toBe('a "b", c');
  });

  test("finds none when agents use the server's, or nothing is known", () => {
    const same = "secret,node,node,k3s:agent\nsecret,server,server,k3s:server\n";
    expect(agentTokenOf(data({ PasswdFile: same }))).toBeUndefined();
    expect(agentTokenOf(data({ PasswdFile: "" }))).toBeUndefined();
    expect(agentTokenOf(data({}))).toBeUndefined();
  });
});

describe("caHash()", () => {
  const schema = v.object({ single: v.string(), bundle: v.string() });
  const hashes = v.parse(
    schema,
    JSON.parse(readFileSync(join(testdata, "ca-hashes.json"), "utf8")),
  );
  const single = readFileSync(join(testdata, "ca-single.pem"));
  const bundle = readFileSync(join(testdata, "ca-bundle.pem"), "utf8");

  test("is that of the file's bytes for one certificate, of the root's DER for a bundle", () => {
    expect({ single: caHash(single), bundle: caHash(bundle) }).toEqual(hashes);
  });

  test("notices a line end more in a file with one certificate, and does not in a bundle", () => {
    expect(caHash(`${single.toString()}\n`) === caHash(single)).toBe(false);
    expect(caHash(`${bundle}\n`)).toBe(caHash(bundle));
  });

  test("is that of the bytes when the bundle does not hold the root", () => {
    const [leaf = ""] = bundle.split(/(?<=-----END CERTIFICATE-----\n)/);
    const twice = leaf + leaf;
    expect(caHash(twice) === caHash(bundle)).toBe(false);
    expect(caHash(twice)).toMatch(/^[0-9a-f]{64}$/);
  });

  test("refuses a file without a certificate", () => {
    expect(() => caHash("nothing")).toThrow("no certificate");
  });
});
