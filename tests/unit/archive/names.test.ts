import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  archiveName,
  newestFirst,
  parseArchiveName,
  plainName,
} from "../../../src/archive/names.ts";

const PARTS = { cluster: "prod", host: "s1", created: "2026-11-23T02:31:07Z", id: "7f3a09c1" };
const NAME = "railiance-cluster_prod_s1_20261123T023107Z_7f3a09c1.tar.zst.age";

describe("archiveName()", () => {
  test("puts cluster, host, time and id into the name", () => {
    expect(archiveName(PARTS)).toBe(NAME);
  });

  test("takes a Date as well and drops its milliseconds", () => {
    expect(archiveName({ ...PARTS, created: new Date("2026-11-23T02:31:07.987Z") })).toBe(NAME);
  });

  test("throws for an id or time that would make an unreadable name", () => {
    expect(() => archiveName({ ...PARTS, id: "xyz" })).toThrow("cannot name");
    expect(() => archiveName({ ...PARTS, created: "2026-13-23T02:31:07Z" })).toThrow("cannot name");
  });

  test("is read back by parseArchiveName() whatever cluster and host are called", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string(), (cluster, host) => {
        const name = archiveName({ ...PARTS, cluster, host });
        const parsed = parseArchiveName(name);
        expect(parsed).toEqual({ ...PARTS, cluster: plainName(cluster), host: plainName(host) });
        expect(/^[A-Za-z0-9_.-]+$/.test(name)).toBe(true);
        expect(name.length).toBeLessThan(200);
      }),
    );
  });
});

describe("parseArchiveName()", () => {
  test("refuses every name that archiveName() does not make", () => {
    const wrong = [
      "",
      NAME.replace(".age", ""),
      `${NAME}.json`,
      `.${NAME}`,
      `x${NAME}`,
      NAME.replace("7f3a09c1", "7f3a"),
      NAME.replace("7f3a09c1", "7F3A09C1"),
      NAME.replace("_s1_", "__"),
      NAME.replace("_s1_", "_.s1_"),
      NAME.replace("_s1_", "_S1_"),
      NAME.replace("_s1_", "_../s1_"),
      NAME.replace("prod", "pr_od"),
      NAME.replace("20261123", "20261323"),
      NAME.replace("20261123", "20260431"),
      NAME.replace("T023107Z", "T250000Z"),
      `${NAME}\n`,
    ];
    for (const name of wrong) expect([name, parseArchiveName(name)]).toEqual([name, undefined]);
  });
});

describe("plainName()", () => {
  test("keeps letters, digits, dots and dashes, and nothing at the edges but letters and digits", () => {
    expect(plainName("Prod Süd/1")).toBe("prod-s-d-1");
    expect(plainName("..--etc")).toBe("etc");
    expect(plainName("a.b-")).toBe("a.b");
    expect(plainName("../")).toBe("unnamed");
    expect(plainName("x".repeat(300))).toHaveLength(63);
  });
});

describe("newestFirst()", () => {
  test("sorts by time, then by id", () => {
    const make = (created: string, id: string) => ({ ...PARTS, created, id });
    const sorted = [
      make("2026-11-22T02:31:07Z", "00000001"),
      make("2026-11-23T02:31:07Z", "00000001"),
      make("2026-11-23T02:31:07Z", "00000002"),
    ].sort(newestFirst);
    expect(sorted.map(({ created, id }) => `${created} ${id}`)).toEqual([
      "2026-11-23T02:31:07Z 00000002",
      "2026-11-23T02:31:07Z 00000001",
      "2026-11-22T02:31:07Z 00000001",
    ]);
  });
});
