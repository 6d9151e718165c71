/** The archives that released versions made on real servers, and what the clusters in them were. */
import { readFileSync, readdirSync } from "node:fs";
import { resolve } from "node:path";
import * as v from "valibot";

const root = resolve(import.meta.dirname, "../../testdata/archives");

const schema = v.object({
  /** Name of the archive file. */
  archive: v.string(),
  /** `kind namespace/name uid`, sorted, without what K3s makes anew at each start. */
  uids: v.array(v.string()),
  /** As md5sum prints it. */
  clientAuthority: v.string(),
  helmList: v.array(v.object({ name: v.string(), namespace: v.string(), revision: v.string() })),
  helmValues: v.unknown(),
  nodePassword: v.string(),
});

export interface ReleasedArchive {
  /** `0.1.0/sqlite`. */
  readonly name: string;
  /** The file's own name. */
  readonly file: string;
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly keyFile: string;
  readonly identity: string;
  readonly expected: v.InferOutput<typeof schema>;
}

/** One for each folder of each release. */
export function releasedArchives(): ReleasedArchive[] {
  const releases = readdirSync(root).filter((name) => /^\d+\.\d+\.\d+$/.test(name));
  return releases.flatMap((release) =>
    readdirSync(`${root}/${release}`).map((kind) => released(`${release}/${kind}`)),
  );
}

/** The archive in `tests/testdata/archives/NAME`. Throws when it is not there. */
export function released(name: string): ReleasedArchive {
  const folder = `${root}/${name}`;
  const expected = v.parse(schema, JSON.parse(readFileSync(`${folder}/expected.json`, "utf8")));
  const keyFile = `${folder}/key.txt`;
  const path = `${folder}/${expected.archive}`;
  return {
    name,
    file: expected.archive,
    path,
    bytes: new Uint8Array(readFileSync(path)),
    keyFile,
    identity:
      readFileSync(keyFile, "utf8")
        .split("\n")
        .find((line) => line.startsWith("AGE-SECRET-KEY-")) ?? "",
    expected,
  };
}
