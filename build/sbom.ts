/** What is inside the executable, as CycloneDX 1.6: the packages that were really bundled, and Bun itself. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import packageJson from "../package.json" with { type: "json" };

const Lock = v.object({
  packages: v.record(
    v.string(),
    v.object({
      version: v.optional(v.string()),
      integrity: v.optional(v.string()),
      license: v.optional(v.string()),
    }),
  ),
});
const Metafile = v.object({ inputs: v.record(v.string(), v.unknown()) });

type LockedPackage = v.InferOutput<typeof Lock>["packages"][string];

interface Component {
  readonly type: "library";
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly [field: string]: unknown;
}

/** The bill of materials for a build of `commit` (may be empty). Throws when a bundled package is not in the lock file. */
export async function makeSbom(commit: string): Promise<Record<string, unknown>> {
  const lock = v.parse(Lock, JSON.parse(await readFile("package-lock.json", "utf8")));
  const folders = new Set(["node_modules/bun", ...(await bundledInputs()).flatMap(packageFolder)]);
  const components = [...folders].map((folder) => {
    const locked = lock.packages[folder];
    if (locked === undefined) throw new Error(`${folder} is bundled but not in package-lock.json`);
    return component(folder.replace(/^.*node_modules\//, ""), locked);
  });
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      component: {
        type: "application",
        name: packageJson.name,
        version: packageJson.version,
        ...(commit === "" ? {} : { properties: [{ name: "git:commit", value: commit }] }),
      },
    },
    components: components.sort((left, right) => (left.purl < right.purl ? -1 : 1)),
  };
}

/** Every source file that goes into the executable, as the bundler saw it. */
async function bundledInputs(): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), "railiance-sbom-"));
  try {
    const metafile = join(folder, "meta.json");
    const build = Bun.spawn(
      [
        process.execPath,
        "build",
        "src/main.ts",
        "--target=bun",
        `--outfile=${join(folder, "main.js")}`,
        `--metafile=${metafile}`,
      ],
      { stdout: "ignore", stderr: "inherit" },
    );
    if ((await build.exited) !== 0) throw new Error("bun build failed");
    const { inputs } = v.parse(Metafile, JSON.parse(await readFile(metafile, "utf8")));
    return Object.keys(inputs);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** `node_modules/a/node_modules/@b/c/x.js` is of `node_modules/a/node_modules/@b/c`. */
function packageFolder(input: string): string[] {
  const match = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input);
  return match === null ? [] : [match[0]];
}

function component(name: string, locked: LockedPackage): Component {
  const version = locked.version ?? "";
  return {
    type: "library",
    name,
    version,
    // The @ of a scope is percent-encoded in a package URL.
    purl: `pkg:npm/${name.replace(/^@/, "%40")}@${version}`,
    ...(locked.license === undefined ? {} : { licenses: [{ expression: locked.license }] }),
    ...(locked.integrity === undefined ? {} : { hashes: [hash(locked.integrity)] }),
  };
}

/** npm's `sha512-<base64>` as CycloneDX has it. */
function hash(integrity: string): { alg: string; content: string } {
  const dash = integrity.indexOf("-");
  return {
    alg: integrity.slice(0, dash).replace("sha", "SHA-"),
    content: Buffer.from(integrity.slice(dash + 1), "base64").toString("hex"),
  };
}
