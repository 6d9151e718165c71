import { describe, expect, test } from "bun:test";
import { compareVersions } from "../../../src/k3s/version.ts";

describe("compareVersions()", () => {
  const older: [string, string][] = [
    ["v1.35.2+k3s1", "v1.36.0+k3s1"],
    ["v1.36.2+k3s1", "v1.36.2+k3s2"],
    ["v1.36.9+k3s1", "v1.36.10+k3s1"],
    ["v1.36.2-rc1+k3s1", "v1.36.3+k3s1"],
  ];
  for (const [left, right] of older) {
    test(`${left} is older than ${right}`, () => {
      expect(compareVersions(left, right)).toBeLessThan(0);
      expect(compareVersions(right, left)).toBeGreaterThan(0);
    });
  }
  test("a version is as old as itself", () =>
    expect(compareVersions("v1.36.2+k3s1", "v1.36.2+k3s1")).toBe(0));
});
