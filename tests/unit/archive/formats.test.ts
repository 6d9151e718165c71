/** Archives of every released format must open with every later release. */
import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { proveArchive } from "../../../src/app/proof.ts";
import { openingKeys } from "../../../src/app/opening-keys.ts";
import { ENTRY_KINDS } from "../../../src/archive/entry-kind.ts";
import { testContext } from "../../helpers/context.ts";

const folder = `${import.meta.dirname}/../../testdata/archives`;
const archives = readdirSync(folder).filter((name) => name.endsWith(".age"));

describe("archives of earlier releases", () => {
  test("are kept, one for each format", () => {
    expect(archives).toEqual(["format-1.tar.zst.age"]);
  });

  for (const name of archives) {
    test(`${name} is proven whole`, async () => {
      const context = testContext();
      const keyFile = `${folder}/${name.replace(".tar.zst.age", ".key.txt")}`;
      const identities = await openingKeys(context, [keyFile]);
      const proof = await proveArchive(context, { path: `${folder}/${name}`, identities });
      expect(proof.signature.state).toBe("valid");
      const kinds = new Set(proof.manifest.entries.map(({ kind }) => kind));
      expect([...kinds].sort()).toEqual([...ENTRY_KINDS]);
      expect(proof.manifest.helm.map((release) => release.name)).toEqual(["web", "db"]);
      expect(proof.manifest.gaps).toHaveLength(1);
      expect(proof.snapshot.keys).toBe(proof.manifest.datastore.keys);
    });
  }
});
