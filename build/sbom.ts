/** What is inside the executable, as CycloneDX 1.6: the runtime packages of the lock file, and Bun itself. */
import { readFile } from "node:fs/promises";
import * as v from "valibot";
import packageJson from "../package.json" with { type: "json" };

const Lock = v.object({
  packages: v.record(
    v.string(),
    v.object({
      version: v.optional(v.string()),
      integrity: v.optional(v.string()),
      license: v.optional(v.string()),
      dev: v.optional(v.boolean()),
    }),
  ),
});

type LockedPackage = v.InferOutput<typeof Lock>["packages"][string];

/** The bill of materials for a build of `commit` (may be empty). */
export async function makeSbom(commit: string): Promise<Record<string, unknown>> {
  const lock = v.parse(Lock, JSON.parse(await readFile("package-lock.json", "utf8")));
  const components = Object.entries(lock.packages)
    .filter(([path, { dev }]) => path !== "" && (dev !== true || path === "node_modules/bun"))
    .map(([path, locked]) => component(path.replace(/^.*node_modules\//, ""), locked))
    .sort((left, right) => (left["purl"] as string).localeCompare(right["purl"] as string));
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
    components,
  };
}

function component(name: string, locked: LockedPackage): Record<string, unknown> {
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
  const [algorithm = "", value = ""] = integrity.split(" ")[0]?.split(/-(.*)/s) ?? [];
  return {
    alg: algorithm.replace("sha", "SHA-"),
    content: Buffer.from(value, "base64").toString("hex"),
  };
}
