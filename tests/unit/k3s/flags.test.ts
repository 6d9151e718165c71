import { describe, expect, test } from "bun:test";
import { flagWords, parseFlags } from "../../../src/k3s/flags.ts";

describe("parseFlags()", () => {
  test("gives every form its long name", () => {
    expect(parseFlags(["-d", "/data", "--disable=traefik", "--cluster-init", "-t=x"])).toEqual([
      { name: "data-dir", value: "/data" },
      { name: "disable", value: "traefik" },
      { name: "cluster-init", value: undefined },
      { name: "token", value: "x" },
    ]);
  });

  test("keeps a flag that is given twice twice", () => {
    expect(parseFlags(["--tls-san", "a", "--tls-san=b"]).map(({ value }) => value)).toEqual([
      "a",
      "b",
    ]);
  });

  test("writes aliases by their long names, which never clash with a configuration file", () => {
    expect(flagWords(parseFlags(["--dir", "/x", "--debug"]))).toEqual([
      "--etcd-snapshot-dir=/x",
      "--debug",
    ]);
  });
});
