import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readConfigFile } from "../../../src/k3s/config-file.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "railiance-config-"));
  await mkdir(join(folder, "config.yaml.d"));
});
afterEach(() => rm(folder, { recursive: true }));

describe("readConfigFile()", () => {
  test("lets a later drop-in replace a key, and `key+` add to it", async () => {
    await writeFile(join(folder, "config.yaml"), "tls-san: [a]\ntoken: one\n");
    await writeFile(join(folder, "config.yaml.d/10.yaml"), "tls-san+: [b]\ntoken: two\n");
    await writeFile(join(folder, "config.yaml.d/ignored.txt"), "token: three\n");
    const config = await readConfigFile(join(folder, "config.yaml"));
    expect(config.values.get("tls-san")).toEqual(["a", "b"]);
    expect(config.values.get("token")).toEqual(["two"]);
    expect(config.files).toHaveLength(2);
  });

  test("takes a missing file for an empty configuration, as K3s does", async () => {
    expect((await readConfigFile(join(folder, "none.yaml"))).values.size).toBe(0);
  });

  test("names file and line of broken YAML", async () => {
    await writeFile(join(folder, "config.yaml"), "a: 1\nb: [1,\n");
    await expect(readConfigFile(join(folder, "config.yaml"))).rejects.toThrow(
      /config\.yaml line [23] is not valid YAML/,
    );
  });

  test("refuses a file that is no list of settings", async () => {
    await writeFile(join(folder, "config.yaml"), "- a\n- b\n");
    await expect(readConfigFile(join(folder, "config.yaml"))).rejects.toThrow(
      "not a list of settings",
    );
  });

  test("keeps booleans and numbers as the text a flag would have", async () => {
    await writeFile(join(folder, "config.yaml"), "cluster-init: true\nhttps-listen-port: 7443\n");
    const { values } = await readConfigFile(join(folder, "config.yaml"));
    expect([...values.values()]).toEqual([["true"], ["7443"]]);
  });
});
