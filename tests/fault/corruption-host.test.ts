/** One damage of each kind, shown to the executable on a running server: refused, and the host is as it was. */
import { describe, expect, test } from "bun:test";
import { skipWithoutLab, startBareServer } from "../lab/server.ts";
import { PROGRAM } from "../e2e/workload.ts";
import { DATA, fingerprint, leftovers, objectsOf, restore, until } from "../e2e/restore-host.ts";
import { contentDigest, layersOf } from "./corruption/layers.ts";
import { MUTATIONS } from "./corruption/mutations.ts";
import { faultSeed } from "./corruption/random.ts";
import { damagedArchive } from "./corruption/round.ts";
import { released } from "./old-archives/released.ts";
import { recordFault } from "./rows.ts";
import type { BareServer } from "../lab/server.ts";
import type { ReleasedArchive } from "./old-archives/released.ts";

const BAD = "/root/bad";
const KEY = "/media/usb/key.txt";
const seed = faultSeed();

/** Everything a refused restore must leave alone: files, objects, and K3s's own process. */
async function stateOf(server: BareServer): Promise<string> {
  const started = await server.must(
    "systemctl show k3s -p MainPID,ExecMainStartTimestampMonotonic",
  );
  return [await fingerprint(server), await objectsOf(server), started].join("\n");
}

/** A server that runs the archive's own cluster, so that nothing but the damage stands in the way. */
async function serverOf({ file, bytes, identity }: ReleasedArchive): Promise<BareServer> {
  const server = await startBareServer({ cluster: false, helm: false });
  try {
    server.write(`/media/usb/${file}`, bytes);
    server.write(KEY, `${identity}\n`);
    const result = await restore(server, `--yes --dir /media/usb -i ${KEY}`);
    if (result.exitCode !== 0) throw new Error(result.stderr);
    // K3s takes it away some seconds after the start (k3s-observed.md 3).
    const flag = `${DATA}/server/db/reset-flag`;
    await until("the reset's flag is gone", async () => !server.exists(flag));
    return server;
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

/** Runs `verify` and `restore --yes` on each file; `number verify-exit restore-exit` a line. */
async function exitCodes(server: BareServer, file: string): Promise<string[]> {
  const script = `cd ${BAD}; for one in *; do
  ${PROGRAM} verify -q -i ${KEY} ${BAD}/$one/${file} > $one/out 2> $one/verify; verify=$?
  ${PROGRAM} restore -q --yes -i ${KEY} ${BAD}/$one/${file} >> $one/out 2> $one/restore; restore=$?
  echo $one $verify $restore $(stat -c %s $one/out) $(grep -c '^error: ' $one/restore)
done`;
  const text = await server.must(script, { timeout: 600_000 });
  return text.trim().split("\n");
}

describe.skipIf(skipWithoutLab())("on a running server", () => {
  for (const kind of ["etcd", "sqlite"] as const) {
    test(`the executable refuses damaged archives of ${kind} and touches nothing`, async () => {
      process.stderr.write(`corruption of ${kind} on a server: FAULT_SEED=${seed}\n`);
      const archive = released(kind === "etcd" ? "0.1.0/everything" : "0.1.0/sqlite");
      const layers = await layersOf(archive.bytes, archive.identity);
      const sound = await contentDigest(archive.bytes, archive.identity);
      await using server = await serverOf(archive);
      for (let round = 0; round < MUTATIONS.length; round += 1) {
        const { bytes } = await damagedArchive(layers, { seed, round });
        const content = await contentDigest(bytes, archive.identity).catch(() => undefined);
        if (content === sound) continue; // nothing changed: see corruption.test.ts
        server.write(`${BAD}/${String(round).padStart(3, "0")}/${archive.file}`, bytes);
      }
      const before = await stateOf(server);
      const lines = await exitCodes(server, archive.file);
      // Exit 4, or 8 when the header looks like one for another key; nothing on stdout, one error line.
      const wrong = lines.filter((line) => !/^\d+ (4|8) (4|8) 0 1$/.test(line));
      recordFault({
        family: "corruption",
        fault: `${kind}: verify and restore --yes by the executable on a running server`,
        tried: lines.length,
        survived: lines.length - wrong.length,
        lost: wrong.length,
      });
      expect(wrong).toEqual([]);
      expect(lines.length).toBeGreaterThan(MUTATIONS.length - 3);
      expect(await stateOf(server)).toBe(before);
      expect(await leftovers(server)).toBe("");
      // The sound one is still taken: it was the damage that was refused.
      const planned = await restore(server, `--plan -i ${KEY} /media/usb/${archive.file}`);
      expect(planned.exitCode).toBe(0);
    }, 900_000);
  }
});
