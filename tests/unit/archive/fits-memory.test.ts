import { describe, expect, test } from "bun:test";
import { fitsMemory } from "../../../src/sys/stage-file.ts";

describe("fitsMemory()", () => {
  const MIB = 1024 * 1024;
  test("wants a quarter more room, and leaves half of the free memory alone", () => {
    expect(fitsMemory(100 * MIB, { room: 125 * MIB, memory: 200 * MIB })).toBe(true);
    expect(fitsMemory(100 * MIB, { room: 124 * MIB, memory: 200 * MIB })).toBe(false);
    expect(fitsMemory(100 * MIB, { room: 125 * MIB, memory: 199 * MIB })).toBe(false);
  });
});
