import { describe, expect, test } from "bun:test";
import { tokenHash, tokenPassword } from "../../../src/datastore/token.ts";
import { errorOf } from "./support.ts";

const HASH = "0".repeat(64);

async function refusal(token: string): Promise<string> {
  const error = await errorOf((async () => tokenPassword(token))());
  expect(error?.code).toBe("TOKEN_FORMAT");
  return error?.message ?? "";
}

describe("tokenPassword()", () => {
  test("takes the password out of every form K3s takes", () => {
    const forms: [token: string, password: string][] = [
      ["secret", "secret"],
      [`K10${HASH}::server:secret`, "secret"],
      [`K10${HASH}::node:agent`, "agent"],
      [`K10${HASH}::server:with:colons::in it`, "with:colons::in it"],
      ["K10::server:secret", "secret"],
      ["K10server:secret", "secret"],
      ["a:b", "a:b"],
    ];
    for (const [token, password] of forms) {
      expect(tokenPassword(token)).toBe(password);
      expect(tokenPassword(`  ${token}\r\n`)).toBe(password);
    }
  });

  test("refuses what K3s refuses, without repeating it", async () => {
    expect(await refusal("")).toContain("empty");
    expect(await refusal(" \r\n")).toContain("empty");
    expect(await refusal("K10abc::server:hunter2")).toContain("3 instead of 64");
    expect(await refusal(`K10${HASH}::server:`)).toContain("no password");
    expect(await refusal(`K10${HASH}::hunter2`)).not.toContain("hunter2");
    expect(await refusal("abcdef.0123456789abcdef")).toContain("only joins agents");
    expect(await refusal(`K10${HASH}::abcdef.0123456789abcdef`)).toContain("only joins agents");
  });
});

describe("tokenHash()", () => {
  test("is what K3s appends to /bootstrap/", () => {
    expect(tokenHash("secret")).toBe("2bb80d537b1d");
  });
});
