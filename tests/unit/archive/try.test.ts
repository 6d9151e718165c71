import { expect, test } from "bun:test";
import { mkdtempSync, writeFileSync, readdirSync, readFileSync } from "node:fs";
import { makeTestArchive } from "../../helpers/archive.ts";
import { testHost } from "../../helpers/host.ts";
import { verifyArchives } from "../../../src/app/verify.ts";
import { extractFiles } from "../../../src/app/extract.ts";
test("smoke", async () => {
  const a = await makeTestArchive();
  const dir = mkdtempSync("/tmp/try-");
  writeFileSync(`${dir}/${a.name}`, a.bytes);
  const host = testHost({ env: { SOPS_AGE_KEY: a.identity } });
  const events: unknown[] = [];
  const ctx = { host, talk: (e: any) => void events.push(e), ask: undefined };
  const r = await verifyArchives(ctx, { archives: [], all: false, directory: dir, identityFiles: [] });
  console.log(JSON.stringify(r, (k, v) => (k === "manifest" ? "…" : v), 1), r[0]?.ok === false ? r[0].error : "");
  console.log(readdirSync(dir), events.length);
  await using x = await extractFiles(ctx, { archive: undefined, directory: dir, identityFiles: [], paths: ["helm/"], output: `${dir}/out` });
  console.log(x.files, readFileSync(`${dir}/out/helm/default/web/values.yaml`, "utf8"));
});
