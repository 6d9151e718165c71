/** Nodes and volumes of machines that are gone: which are named, and what is said of them. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { leftBehind } from "../../../src/app/left-behind.ts";
import { withFolder } from "../../helpers/folder.ts";
import { testHost } from "../../helpers/host.ts";
import { testSettings } from "../../helpers/settings.ts";

const SINCE = new Date("2026-11-23T12:00:00Z");

function volume(name: string, node: string | undefined, source: object) {
  const expression = { key: "kubernetes.io/hostname", operator: "In", values: [node] };
  const nodeAffinity = { required: { nodeSelectorTerms: [{ matchExpressions: [expression] }] } };
  return {
    metadata: { name, uid: name },
    spec: { ...source, ...(node === undefined ? {} : { nodeAffinity }) },
  };
}

/** What `leftBehind` says, of a cluster that answers with these lists. */
async function said(lists: {
  readonly leases: readonly (readonly [string, string])[];
  readonly nodes: readonly string[];
  readonly volumes: (folder: string) => readonly object[];
}): Promise<string[]> {
  return withFolder(async (folder) => {
    mkdirSync(`${folder}/full`);
    writeFileSync(`${folder}/full/file`, "");
    const leases = lists.leases.map(([name, renewTime]) => ({
      metadata: { name },
      spec: { renewTime },
    }));
    const nodes = lists.nodes.map((name) => ({ metadata: { name, uid: name } }));
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
    const warnings = await leftBehind(context, { settings, since: SINCE, nodeName: "s1" });
    return warnings.map(
      ({ code, message }) => `${code} ${/(?:node|volume) (\S+)/.exec(message)?.[1] ?? message}`,
    );
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
