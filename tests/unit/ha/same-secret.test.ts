import { describe, expect, test } from "bun:test";
import { sameSecret } from "../../../src/ha/same-secret.ts";

describe("sameSecret()", () => {
  test("is equality of bytes", () => {
    expect(sameSecret("ü", new TextEncoder().encode("ü"))).toBe(true);
    expect(sameSecret("a", "b")).toBe(false);
    expect(sameSecret("a", "aa")).toBe(false);
    expect(sameSecret("", "")).toBe(true);
  });
});
