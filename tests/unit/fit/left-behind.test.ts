/** Nodes and volumes of machines that are gone: which are named, and what is said of them. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { leftBehind } from "../../../src/app/left-behind.ts";
import { withFolder } from "../../helpers/folder.ts";
import { testHost } from "../../helpers/host.ts";
import { testSettings } from "../../helpers/settings.ts";
import type { Warning } from "../../../src/app/context.ts";

const SINCE = new Date("2026-11-23T12:00:00Z");

function volume(name: string, node: string | undefined, source: object) {
  const expression = { key: "kubernetes.io/hostname", operator: "In", values: [node] };
  const nodeAffinity = { required: { nodeSelectorTerms: [{ matchExpressions: [expression] }] } };
  return {
    metadata: { name, uid: name },
    spec: { ...source, ...(node === undefined ? {} : { nodeAffinity }) },
  };
}

interface Lists {
  readonly leases: readonly (readonly [string, string])[];
  readonly nodes: readonly string[];
  /** Of the nodes those with a member of etcd. */
  readonly etcd?: readonly string[];
  readonly volumes: (folder: string) => readonly object[];
}

/** Code and name of each that `leftBehind` names. */
async function said(lists: Lists): Promise<string[]> {
  return (await warningsOf(lists)).map(
    ({ code, message }) => `${code} ${/(?:node|volume) (\S+)/.exec(message)?.[1] ?? message}`,
  );
}

/** What `leftBehind` says, of a cluster that answers with these lists. */
async function warningsOf(lists: Lists): Promise<Warning[]> {
  return withFolder(async (folder) => {
    mkdirSync(`${folder}/full`);
    writeFileSync(`${folder}/full/file`, "");
    const leases = lists.leases.map(([name, renewTime]) => ({
      metadata: { name },
      spec: { renewTime },
    }));
    const labels = { "node-role.kubernetes.io/etcd": "true" };
    const nodes = lists.nodes.map((name) => ({
      metadata: { name, uid: name, ...(lists.etcd?.includes(name) === true ? { labels } : {}) },
    }));
    for (const [name, items] of Object.entries({
      leases,
      nodes,
      persistentvolumes: lists.volumes(folder),
    }))
      writeFileSync(`${folder}/${name}`, JSON.stringify({ metadata: {}, items }));
    const answer = ["leases", "nodes", "persistentvolumes"].map(
      (name) => `*${name}*) cat ${folder}/${name};;`,
    );
    const k3s = `${folder}/k3s`;
    writeFileSync(k3s, `#!/bin/sh\ncase "$*" in ${answer.join(" ")} esac\n`, { mode: 0o755 });
    const context = { host: testHost(), talk: () => undefined, ask: undefined };
    const settings = { ...testSettings({}), k3s };
    return await leftBehind(context, { settings, since: SINCE, nodeName: "s1" });
  });
}

const ALIVE = [["s1", "2026-11-23T12:00:05.000000Z"]] as const;

describe("leftBehind()", () => {
  test("names nodes whose heartbeat is older than the restore, or that have none", async () => {
    const leases = [...ALIVE, ["w1", "2026-11-23T11:59:59.000000Z"]] as const;
    expect(await said({ leases, nodes: ["s1", "w1", "w2"], volumes: () => [] })).toEqual([
      "NODE_SILENT w1",
      "NODE_SILENT w2",
    ]);
  });

  test("never says to start K3s on another server of the old etcd: it would bring the old cluster back", async () => {
    const nodes = ["s1", "s2", "w1"];
    const warnings = await warningsOf({
      leases: ALIVE,
      nodes,
      etcd: ["s1", "s2"],
      volumes: () => [],
    });
    const [server, agent] = warnings.map(({ hint }) => hint ?? "");
    expect(server).toContain("on it: railiance-cluster restore --peer https://");
    expect(server).not.toContain("systemctl");
    expect(server).toContain("kubectl delete node s2");
    expect(agent).toContain("systemctl restart k3s-agent");
  });

  test("names volumes that lie on such a node, of every kind that is a folder", async () => {
    const volumes = () => [
      volume("a", "w1", { local: { path: "/a" } }),
      volume("b", "w1", { hostPath: { path: "/b" } }),
      volume("c", "long-gone", { local: { path: "/c" } }),
      volume("nfs", "w1", { nfs: { path: "/c" } }),
      volume("free", undefined, { hostPath: { path: "/d" } }),
    ];
    expect(await said({ leases: ALIVE, nodes: ["s1", "w1"], volumes })).toEqual([
      "NODE_SILENT w1",
      "VOLUME_ELSEWHERE a",
      "VOLUME_ELSEWHERE b",
      "VOLUME_ELSEWHERE c",
    ]);
  });

  test("names a volume of this node whose folder is not there, and not one that has data", async () => {
    const volumes = (folder: string) => [
      volume("gone", "s1", { hostPath: { path: `${folder}/none` } }),
      volume("here", "s1", { hostPath: { path: `${folder}/full` } }),
    ];
    expect(await said({ leases: ALIVE, nodes: ["s1"], volumes })).toEqual(["VOLUME_EMPTY gone"]);
  });

  test("a volume that is a file is there, and one whose place cannot be looked at fails nothing", async () => {
    const file = (folder: string) => [
      volume("file", "s1", { hostPath: { path: `${folder}/full/file` } }),
    ];
    expect(await said({ leases: ALIVE, nodes: ["s1"], volumes: file })).toEqual([]);
    const loop = (folder: string) => {
      symlinkSync(`${folder}/loop`, `${folder}/loop`);
      return [volume("loop", "s1", { hostPath: { path: `${folder}/loop` } })];
    };
    const [warning] = await warningsOf({ leases: ALIVE, nodes: ["s1"], volumes: loop });
    expect(warning?.code).toBe("LEFT_BEHIND_UNKNOWN");
    expect(warning?.message).toContain("ELOOP");
  });

  test("names a dozen at the most, and says how many more", async () => {
    const volumes = () =>
      Array.from({ length: 13 }, (_, index) =>
        volume(`v${index}`, "w1", { local: { path: "/v" } }),
      );
    const lines = await said({ leases: ALIVE, nodes: ["s1", "w1"], volumes });
    expect(lines.length).toBe(12);
    expect(lines.at(-1)).toContain("and 3 more volumes");
  });

  test("a cluster that does not answer is a warning, and fails nothing", async () => {
    const context = { host: testHost(), talk: () => undefined, ask: undefined };
    const settings = { ...testSettings({}), k3s: "/bin/false" };
    const warnings = await leftBehind(context, { settings, since: SINCE, nodeName: "s1" });
    expect(warnings.map(({ code }) => code)).toEqual(["LEFT_BEHIND_UNKNOWN"]);
  });
});
