/** What a restored server needs and its configuration does not say is pinned; what it says is left alone. */
import { describe, expect, test } from "bun:test";
import { agentTokenDiffers, dropInText, pinsFor } from "../../../src/app/fit-pins.ts";
import { HOST_FILES, overlaid } from "../../../src/k3s/file-view.ts";
import { newerFilesIn, rejectedNode } from "../../../src/k3s/start-trouble.ts";
import { testSettings } from "../../helpers/settings.ts";
import type { BootstrapData } from "../../../src/datastore/bootstrap.ts";

function bootstrapWith(files: Readonly<Record<string, string>>): BootstrapData {
  return new Map(
    Object.entries(files).map(([name, text]) => [
      name,
      { timestamp: undefined, content: new TextEncoder().encode(text) },
    ]),
  );
}

const OWN_AGENTS = bootstrapWith({
  PasswdFile: "agents,node,node,k3s:agent\nsrv,server,server,k3s:server\n",
});
const SHARED = bootstrapWith({
  PasswdFile: "srv,node,node,k3s:agent\nsrv,server,server,k3s:server\n",
});

function encrypted(provider: string): BootstrapData {
  const keys = { keys: [{ name: "k", secret: "AAAA" }] };
  const resources = [
    { resources: ["secrets"], providers: [{ [provider]: keys }, { identity: {} }] },
  ];
  return bootstrapWith({ EncryptionConfig: JSON.stringify({ resources }) });
}

function pins(
  bootstrap: BootstrapData | undefined,
  from: {
    readonly config?: Readonly<Record<string, readonly string[]>>;
    readonly hostname?: string;
    readonly newNode?: boolean;
    readonly dataDir?: string;
  } = {},
) {
  const host = {
    hostname: "s1",
    nodeName: "s1",
    dataDir: from.dataDir ?? "/var/lib/rancher/k3s",
    addresses: [],
    architecture: "x64",
  };
  const { list, agentToken } = pinsFor(testSettings({ config: from.config ?? {} }), {
    manifest: { host },
    bootstrap,
    hostname: from.hostname ?? "s1",
    newNode: from.newNode ?? false,
  });
  return { agentToken, list: list.map(({ key, value }) => `${key} ${value}`) };
}

describe("pinsFor()", () => {
  test("pins nothing on the same host with a whole configuration", () => {
    expect(pins(SHARED)).toEqual({ agentToken: undefined, list: [] });
  });

  test("keeps the node's name, unless it is set, made with an id, or not wanted", () => {
    expect(pins(SHARED, { hostname: "S9" }).list).toEqual(["node-name s1"]);
    expect(pins(SHARED, { hostname: "S1" }).list).toEqual([]);
    expect(pins(SHARED, { hostname: "s9", newNode: true }).list).toEqual([]);
    for (const config of [{ "node-name": ["x"] }, { "with-node-id": ["true"] }]) {
      expect(pins(SHARED, { hostname: "s9", config }).list).toEqual([]);
    }
  });

  test("takes the agents' token from the bootstrap data when nothing names one", () => {
    expect(pins(OWN_AGENTS)).toEqual({
      agentToken: "agents",
      list: ["agent-token-file /etc/rancher/k3s/railiance/agent-token"],
    });
    for (const key of ["agent-token", "agent-token-file"]) {
      expect(pins(OWN_AGENTS, { config: { [key]: ["x"] } })).toEqual({
        agentToken: undefined,
        list: [],
      });
    }
  });

  test("turns secrets encryption on, with the provider it was made with", () => {
    expect(pins(encrypted("aescbc")).list).toEqual(["secrets-encryption true"]);
    expect(pins(encrypted("secretbox")).list).toEqual([
      "secrets-encryption true",
      "secrets-encryption-provider secretbox",
    ]);
    expect(pins(encrypted("aescbc"), { config: { "secrets-encryption": ["true"] } }).list).toEqual(
      [],
    );
    expect(pins(encrypted("aescbc"), { config: { "secrets-encryption": ["false"] } }).list).toEqual(
      ["secrets-encryption true"],
    );
  });

  test("names the data dir when the configuration leads elsewhere", () => {
    expect(pins(SHARED, { dataDir: "/srv/k3s" }).list).toEqual(["data-dir /srv/k3s"]);
  });
});

describe("agentTokenDiffers()", () => {
  const view = overlaid(HOST_FILES, new Map([["/t", "K10ab::node:agents\n"]]));
  const differs = (config: Record<string, string[]>, bootstrap: BootstrapData) =>
    agentTokenDiffers(testSettings({ config }), { view, bootstrap });

  test("is so when configuration and database do not agree, in every way a token is written", async () => {
    expect(await differs({ "agent-token": ["agents"] }, OWN_AGENTS)).toBe(false);
    expect(await differs({ "agent-token-file": ["/t"] }, OWN_AGENTS)).toBe(false);
    expect(await differs({ "agent-token": ["srv"] }, SHARED)).toBe(false);
    expect(await differs({}, OWN_AGENTS)).toBe(false);
    expect(await differs({ "agent-token": ["agents"] }, SHARED)).toBe(true);
    expect(await differs({ "agent-token-file": ["/t"] }, SHARED)).toBe(true);
  });
});

describe("dropInText()", () => {
  test("adds to what an earlier restore pinned", () => {
    const first = dropInText(undefined, [{ key: "node-name", value: "s1", why: "" }]);
    const second = dropInText(first, [{ key: "secrets-encryption", value: "true", why: "" }]);
    expect(second.split("\n").slice(2)).toEqual(["node-name: s1", "secrets-encryption: true", ""]);
  });
});

describe("newerFilesIn()", () => {
  test("gives the files K3s names, and only of that sentence", () => {
    const text = (files: string): string =>
      `K3s has ended 5 times (starting: ${files} newer than datastore and could cause a cluster outage. Remove the file(s) from disk)`;
    expect(newerFilesIn(text("/d/server/cred/passwd"))).toEqual(["/d/server/cred/passwd"]);
    expect(newerFilesIn(text("/d/a, /d/b"))).toEqual(["/d/a", "/d/b"]);
    expect(newerFilesIn("K3s has ended 5 times (/d/server/cred/passwd is damaged)")).toEqual([]);
  });
});

describe("rejectedNode()", () => {
  test("is the node the server names, or its own when the agent part says it", () => {
    expect(
      rejectedNode(["msg=\"unable to verify hash for node 'w2': hash does not match\""], "s1"),
    ).toBe("w2");
    expect(rejectedNode(["x", "Node password rejected, duplicate hostname or …"], "s1")).toBe("s1");
    expect(rejectedNode(["all is well"], "s1")).toBe(undefined);
  });
});
