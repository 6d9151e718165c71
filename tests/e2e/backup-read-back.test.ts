/** A disk that gives back something else than was written: one piece of the archive changes between the sync and the reading back. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { skipWithoutLab, startBareServer } from "../lab/server.ts";
import { archivesOn, clearArchives, expectRefusal, leftovers } from "./bad-backup.ts";
import { ARCHIVES, KEY_FILE, PROGRAM, giveKey } from "./workload.ts";
import type { BareServer, CommandResult } from "../lab/server.ts";
import type { Key } from "./workload.ts";

describe.skipIf(skipWithoutLab())("an archive that reads back different", () => {
  let server: BareServer;
  let key: Key;

  beforeAll(async () => {
    server = await startBareServer({ helm: false });
  }, 120_000);
  afterAll(() => server[Symbol.asyncDispose]());
  beforeEach(async () => {
    await clearArchives(server);
    key = await giveKey(server);
  });

  /**
   * Runs a backup under strace and writes eight bytes into the temp file when it
   * is synced and out of memory; the call that forgets it is held up for that long.
   */
  async function backupWhile(offset: string, args = ""): Promise<CommandResult> {
    server.write(
      "/root/watch.sh",
      `while read -r thread line; do
  case "$line" in *fadvise64*) ;; *) continue;; esac
  for file in ${ARCHIVES}/.railiance-tmp-*.age-*; do
    [ -e /root/changed ] && break
    printf damaged! | dd of="$file" bs=1 seek=$((${offset})) conv=notrunc status=none && touch /root/changed
  done
done`,
    );
    server.remove("/root/changed");
    const result = await server.run(
      `strace -f --seccomp-bpf -qq -o '|bash /root/watch.sh' -e trace=fadvise64 -e inject=fadvise64:delay_exit=3000000 ${PROGRAM} backup ${args}`,
      { timeout: 120_000 },
    );
    expect(server.exists("/root/changed")).toBe(true);
    return result;
  }

  const size = '$(stat -c %s "$file")';
  const changes: [string, string, "key" | "no key"][] = [
    ["in its header", "60", "key"],
    ["in the middle", `${size} / 2`, "key"],
    ["at its end", `${size} - 8`, "key"],
    ["in the middle, on a host without a key", `${size} / 2`, "no key"],
  ];
  for (const [where, offset, keys] of changes) {
    test(`${where}: refused, and nothing has an archive's name`, async () => {
      if (keys === "no key") server.remove(KEY_FILE);
      const args = keys === "no key" ? `--write-only -r ${key.recipient}` : "";
      expectRefusal(await backupWhile(offset, args), {
        exit: 4,
        says: `what was written to ${ARCHIVES} reads back different`,
        hint: "the disk or its controller is failing",
      });
      expect(await archivesOn(server)).toEqual([]);
      expect(await leftovers(server)).toBe("");
    }, 180_000);
  }
});
