/** Whose archive is taken when none is named, in folders that hosts and clusters share. */
import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { findArchives, resolveArchive } from "../../../src/app/archives.ts";
import { archivesMeant, newestFor } from "../../../src/app/own-archives.ts";
import { archiveName } from "../../../src/archive/names.ts";
import { serializeSidecar, sidecarOf } from "../../../src/archive/sidecar.ts";
import { makeTestContent } from "../../helpers/archive.ts";
import { failureOf } from "../../helpers/errors.ts";
import { withFolder } from "../../helpers/folder.ts";
import type { OperatorError } from "../../../src/errors.ts";

const { manifest } = await makeTestContent();

interface Made {
  readonly host: string;
  readonly cluster?: string;
  /** Of the sidecar; without it there is none. */
  readonly clusterId?: string;
}

/** Makes archives, the oldest first, and says which one a host takes: the number of it. */
async function taken(made: readonly Made[], hostname: string): Promise<number> {
  return withFolder(async (directory) => {
    const names = made.map(({ host, cluster = "prod", clusterId }, index) => {
      const created = `2026-11-23T02:31:${String(index).padStart(2, "0")}Z`;
      const name = archiveName({ cluster, host, created, id: `0000000${index}` });
      writeFileSync(`${directory}/${name}`, name);
      if (clusterId !== undefined) {
        const sidecar = sidecarOf(manifest, { name, size: 1, sha256: "a".repeat(64) });
        writeFileSync(`${directory}/${name}.json`, serializeSidecar({ ...sidecar, clusterId }));
      }
      return `${directory}/${name}`;
    });
    return names.indexOf(await resolveArchive({ hostname }, { directory, archive: undefined }));
  });
}

function refusal(made: readonly Made[], hostname: string): Promise<OperatorError> {
  return failureOf(() => taken(made, hostname));
}

const of = (...hosts: string[]): Made[] => hosts.map((host) => ({ host }));

describe("without a name", () => {
  test("a host takes its own newest archive, however many later ones other hosts have", async () => {
    expect(await taken(of("s1", "s2", "s1", "s3", "s2"), "s1")).toBe(2);
    expect(await taken(of("s1", "s2", "s1", "s3", "s2"), "s3")).toBe(3);
  });

  test("host names are compared as file names have them", async () => {
    expect(await taken(of("Node_A.example", "s2"), "NODE_A.example")).toBe(0);
    expect(await taken(of("s1", "s11", "s1.example"), "s1")).toBe(0);
  });

  test("a new host takes the newest of a folder that is of one host only", async () => {
    expect(await taken(of("s1", "s1", "s1"), "fresh")).toBe(2);
  });

  test("a new host takes none of a folder that several hosts share, and is told which", async () => {
    const error = await refusal(of("s2", "s1", "s3", "s1"), "fresh");
    expect([error.exit, error.code]).toEqual(["usage", "SEVERAL_HOSTS"]);
    expect(error.message).toMatch(
      / are of several hosts \(s1, s2, s3\) and none is of this one, fresh$/,
    );
    expect(error.hint).toContain("railiance-cluster list");
  });

  test("of many hosts the first few are named", async () => {
    const { message } = await refusal(of("a", "b", "c", "d", "e", "f", "g", "h"), "fresh");
    expect(message).toContain("(a, b, c, d, e, f and 2 more)");
  });
});

describe("of two clusters with one host name", () => {
  const by = (...clusters: string[]): Made[] =>
    clusters.map((cluster) => ({ host: "s1", cluster }));

  test("none is taken when they were saved by turns: there are two such hosts", async () => {
    for (const hostname of ["s1", "fresh"]) {
      const error = await refusal(by("a", "b", "a"), hostname);
      expect([error.exit, error.code]).toEqual(["usage", "SEVERAL_CLUSTERS"]);
      expect(error.message).toContain("of host s1");
      expect(error.message).toContain("(a, b)");
    }
  });

  test("the newest is taken of a host that was set up anew", async () => {
    expect(await taken(by("a", "a", "b", "b"), "s1")).toBe(3);
  });

  test("a cluster that was given other names is one cluster, by its CA", async () => {
    const clusterId = "f".repeat(64);
    const named = by("a", "b", "a").map((one) => ({ ...one, clusterId }));
    expect(await taken(named, "s1")).toBe(2);
    const withoutSidecars = by("a", "b");
    expect(await taken([...withoutSidecars, ...named], "s1")).toBe(4);
  });

  test("what another host saved in between says nothing", async () => {
    const others = [...by("a"), { host: "s2", cluster: "b" }, ...by("a")];
    expect(await taken(others, "s1")).toBe(2);
  });
});

test("an empty folder has no newest archive, and one of several hosts none for a new host", async () => {
  await withFolder(async (directory) => {
    expect(archivesMeant({ directory, archives: [] }, "s1")).toEqual([]);
    expect(newestFor([], "s1")).toBeUndefined();
    for (const host of ["s1", "s2"]) {
      const created = "2026-11-23T02:31:07Z";
      const name = archiveName({ cluster: "prod", host, created, id: "00000001" });
      writeFileSync(`${directory}/${name}`, name);
    }
    const archives = await findArchives(directory);
    expect(newestFor(archives, "fresh")).toBeUndefined();
    expect(newestFor(archives, "s2")?.host).toBe("s2");
  });
});
