/** Which archive a restore takes by itself: this host's newest, and never in silence another one when that is damaged. */
import { beforeEach, describe, expect, test } from "bun:test";
import { skipWithoutLab } from "../lab/server.ts";
import { BAD, refusedRestores } from "./refused-restore.ts";
import { expectRefusal, restore } from "./restore-host.ts";
import { ARCHIVES, PROGRAM } from "./workload.ts";
import type { BareServer } from "../lab/server.ts";
import type { RefusedRestores } from "./refused-restore.ts";

describe.skipIf(skipWithoutLab())("a restore without an archive's name", () => {
  const host = refusedRestores();
  let server: BareServer;
  let name = "";
  let whole: Uint8Array;
  let give: RefusedRestores["give"];
  beforeEach(() => ({ server, name, whole, give } = host()));

  test("no folder of archives, and none in it", async () => {
    expectRefusal(await restore(server, "--yes --dir /nowhere"), {
      exit: 9,
      says: "the archive folder /nowhere does not exist",
      hint: "--dir",
    });
    await server.must(`mkdir -p ${BAD}`);
    expectRefusal(await restore(server, `--yes --dir ${BAD}`), {
      exit: 9,
      says: `there is no archive in ${BAD}`,
      hint: "--dir",
    });
    expectRefusal(await restore(server, `--yes ${BAD}/none.tar.zst.age`), {
      exit: 9,
      says: `there is no file ${BAD}/none.tar.zst.age`,
      hint: "list",
    });
  });

  test("a folder that hosts share: this host's archive, or none, and never another's", async () => {
    const others = ["s8", "s9"].map((host) =>
      name.replace("_s1_", `_${host}_`).replace(/_\d{8}T\d{6}Z_/, "_20991231T235959Z_"),
    );
    for (const other of others) give(whole, other);
    expectRefusal(await restore(server, `--yes --dir ${BAD}`), {
      exit: 2,
      says: "are of several hosts (s8, s9) and none is of this one, s1",
      hint: "name the ARCHIVE",
    });
    const own = give(whole);
    const planned = await restore(server, `--plan --dir ${BAD}`);
    expect([planned.exitCode, planned.stderr]).toEqual([0, expect.stringContaining("is newer")]);
    expect(planned.stdout).toContain(own);
    give(whole.slice(0, -100));
    expectRefusal(await restore(server, `--yes --previous --dir ${BAD}`), {
      exit: 4,
      says: "none of the others of host s1 is whole",
      hint: "--dir",
    });
  }, 60_000);

  test("the newest archive is damaged: said loudly, the previous offered, not taken by itself", async () => {
    const older = `${BAD}/${name}`;
    const newest = `${BAD}/${name.replace(/_\d{8}T\d{6}Z_/, "_20991231T235959Z_")}`;
    server.write(older, whole);
    server.write(newest, whole.slice(0, -100));
    const refused = await restore(server, `--yes --dir ${BAD}`);
    expect(refused.stderr).toContain(`THE NEWEST ARCHIVE IS DAMAGED: ${newest}`);
    expectRefusal(refused, {
      exit: 4,
      says: `the newest whole one is ${name}`,
      hint: "restore --previous",
    });
    const planned = await restore(server, `--plan --previous --dir ${BAD}`);
    expect(planned.exitCode).toBe(0);
    expect(planned.stderr).toContain(`THE NEWEST ARCHIVE IS DAMAGED: ${newest}`);
    expect(planned.stdout).toContain(older);
    server.write(older, whole.slice(0, -100));
    expectRefusal(await restore(server, `--yes --previous --dir ${BAD}`), {
      exit: 4,
      says: "none of the others of host s1 is whole",
      hint: "--dir",
    });
    expect((await server.must(`ls ${ARCHIVES} | wc -l`)).trim()).toBe("2");
  }, 60_000);

  test("the disk cannot read the newest archive: that is damage, and the previous one is offered", async () => {
    const older = give(whole);
    const newest = give(whole, name.replace(/_\d{8}T\d{6}Z_/, "_20991231T235959Z_"));
    const badSector = (args: string) =>
      server.run(
        `strace -f --seccomp-bpf -qq -o /dev/null -P ${newest} -e trace=pread64 -e inject=pread64:error=EIO ${PROGRAM} restore ${args} --dir ${BAD}`,
        { timeout: 60_000 },
      );
    const refused = await badSector("--yes");
    expectRefusal(refused, {
      exit: 4,
      says: `the newest whole one is ${name}`,
      hint: `railiance-cluster restore --previous --dir ${BAD}`,
    });
    expect(refused.stderr).toContain(
      `THE NEWEST ARCHIVE IS DAMAGED: ${newest} (the disk gave an error (EIO) reading ${newest})`,
    );
    const planned = await badSector("--plan --previous");
    expect(planned.exitCode).toBe(0);
    expect(planned.stdout).toContain(older);
    // Its name is in the sentence, and it is the one that was compared.
    expect(planned.stdout).toContain(`every name: railiance-cluster diff ${older} --all`);
  }, 60_000);
});
