/** `make test-ha`: every drill of the tests, then the table of what they measured. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readDrillRows } from "./rows.ts";
import { tableOf } from "./table.ts";

process.chdir(new URL("../..", import.meta.url).pathname);

async function main(): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), "railiance-drills-"));
  const file = join(folder, "rows");
  const inCi = (process.env["CI"] ?? "") !== "";
  const rounds = process.env["HA_ROUNDS"] ?? (inCi ? "2" : "20");
  try {
    const child = Bun.spawn([process.execPath, "build/test.ts", "ha"], {
      stdio: ["ignore", "inherit", "inherit"],
      env: { ...process.env, HA_ROWS: file, HA_ROUNDS: rounds },
    });
    const exitCode = await child.exited;
    const rows = existsSync(file) ? readDrillRows(file) : [];
    console.log(`\n${tableOf(rows)}`);
    return exitCode === 0 && rows.length > 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

process.exit((await main()) ? 0 : 1);
