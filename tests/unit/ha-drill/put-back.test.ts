/** What a drill says when it cannot put back what it took down. */
import { describe, expect, test } from "bun:test";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { putBack } from "../../../src/app/ha-drill-put-back.ts";
import { beginRun } from "../../../src/app/ha-drill-run.ts";
import { victimOf } from "../../../src/ha/kill/kill.ts";
import { testContext } from "../../helpers/context.ts";
import { testHost } from "../../helpers/host.ts";
import { drillWith } from "./support.ts";

describe("a service that does not start again", () => {
  test("is named with the command that starts it by hand, once", async () => {
    const folder = await mkdtemp(join(tmpdir(), "railiance-put-back-"));
    try {
      // Stands before systemctl, as `ssh HOST` would: everything works but the start.
      const script = join(folder, "way.sh");
      const shown = "echo ActiveState=active; echo InvocationID=1";
      await writeFile(
        script,
        `#!/bin/sh\ncase "$2" in show) ${shown} ;; start) echo no such unit >&2; exit 5 ;; esac\n`,
      );
      await chmod(script, 0o755);
      const drill = drillWith({ kill: { method: "service-stop", unit: "pg", through: [script] } });
      const context = testContext();
      const run = beginRun({ context, drill, cluster: undefined });
      const primary = { name: "s2", host: "10.0.0.2", port: undefined };
      const host = testHost();
      const input = { host, cluster: undefined, namespace: undefined, primary };
      const victim = await victimOf(drill.kill, input);
      run.seen.target = { primary, victim };
      await victim.kill();
      run.seen.taken = true;
      await putBack(run);
      await putBack(run);
      expect(context.said).toEqual([
        {
          type: "warning",
          code: "NOT_PUT_BACK",
          message: expect.stringContaining("pg on s2 was not put back"),
          hint: "put it back by hand: systemctl start pg on s2",
        },
      ]);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
