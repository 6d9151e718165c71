/** `bun build/build.ts`: dist/railiance-cluster for this machine; `--all`: every target, checksums, SBOM. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { rm, stat, writeFile } from "node:fs/promises";
import packageJson from "../package.json" with { type: "json" };
import { TARGETS, compile, currentCommit } from "./compile.ts";
import { makeSbom } from "./sbom.ts";

process.chdir(new URL("..", import.meta.url).pathname);

const NAME = "railiance-cluster";

async function main(args: readonly string[]): Promise<void> {
  const commit = currentCommit();
  if (!args.includes("--all")) return buildOne(`dist/${NAME}`, commit);
  const made: string[] = [];
  for (const [target, suffix] of Object.entries(TARGETS)) {
    const file = `${NAME}-${packageJson.version}-${suffix}`;
    // Bun takes the runtime of another machine from the npm registry, once.
    await buildOne(`dist/${file}`, commit, target);
    made.push(file);
  }
  const sbom = `${NAME}-${packageJson.version}.cdx.json`;
  await writeFile(`dist/${sbom}`, `${JSON.stringify(await makeSbom(commit), null, 2)}\n`);
  made.push(sbom);
  const sums = await Promise.all(
    made.map(async (file) => `${await sha256(`dist/${file}`)}  ${file}`),
  );
  await writeFile("dist/SHA256SUMS", `${sums.join("\n")}\n`);
  console.log(`dist/${sbom}\ndist/SHA256SUMS   check with: cd dist && sha256sum -c SHA256SUMS`);
}

async function buildOne(outfile: string, commit: string, target?: string): Promise<void> {
  const started = performance.now();
  try {
    await compile({ outfile, commit, ...(target === undefined ? {} : { target }) });
  } finally {
    for (const rest of [".tmp", ".tmp.map"]) await rm(outfile + rest, { force: true });
  }
  const megabytes = ((await stat(outfile)).size / 1e6).toFixed(0);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${outfile}   ${megabytes} MB   ${seconds} s`);
}

async function sha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return hash.digest("hex");
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exit(1);
}
