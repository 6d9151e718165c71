/** Backups that cannot be: the wrong user, folders and settings (keys: backup-keys.test.ts). Each gets one sentence, and nothing is changed. */
import { beforeEach, describe, expect, test } from "bun:test";
import { skipWithoutLab } from "../lab/server.ts";
import { archivesOn, backedUp, expectRefusal, refused, serverForBackups } from "./bad-backup.ts";
import { ARCHIVES, PROGRAM } from "./workload.ts";
import type { BareServer } from "../lab/server.ts";

describe.skipIf(skipWithoutLab())("a backup is refused", () => {
  const host = serverForBackups();
  let server: BareServer;
  beforeEach(() => ({ server } = host()));

  test("to anyone but root", async () => {
    await server.must("chmod 0755 /opt/railiance /opt/railiance/bin");
    await refused(server, "", {
      exit: 5,
      says: "a backup needs root",
      hint: "as root",
      run: { user: "nobody" },
    });
  });

  describe("because of the archive folder:", () => {
    test("a named one that is missing", async () => {
      await refused(server, "--dir /mnt/usb", {
        exit: 5,
        says: "the archive folder /mnt/usb does not exist",
        hint: "is its disk mounted?",
      });
      expect(server.exists("/mnt/usb")).toBe(false);
    });

    test("on a read-only mount", async () => {
      await server.must(
        "mkdir -p /mnt/ro && mount -t tmpfs -o mode=700 none /mnt/ro && mount -o remount,ro /mnt/ro",
      );
      await refused(server, "--dir /mnt/ro", {
        exit: 5,
        says: "the folder /mnt/ro is on a read-only file system",
        hint: "--dir",
      });
    });

    test("the default one, when the disk it would be made on is read-only", async () => {
      await server.must("rm -rf /opt/backup && mkdir /opt/backup");
      await server.must("mount -t tmpfs -o ro none /opt/backup");
      try {
        await refused(server, "", {
          exit: 5,
          says: /cannot write to .*: the file system is read-only/,
        });
      } finally {
        await server.must("umount /opt/backup");
      }
    });

    test("full, and the old archive stays", async () => {
      await server.must("mkdir -p /mnt/full && mount -t tmpfs -o mode=700,size=3m none /mnt/full");
      await backedUp(server, "--dir /mnt/full");
      const before = await archivesOn(server, "/mnt/full");
      await server.must(
        "dd if=/dev/zero of=/mnt/full/fill bs=4k 2>/dev/null; rm -f /mnt/full/fill2; true",
      );
      await refused(server, "--dir /mnt/full", {
        exit: 5,
        says: "cannot write to /mnt/full: no space is left on the device",
        hint: "nothing unfinished was left behind",
      });
      expect(await archivesOn(server, "/mnt/full")).toEqual([...before, "fill"].sort());
    }, 60_000);

    test("open to other users", async () => {
      await server.must(`mkdir -p ${ARCHIVES} && chmod 0755 ${ARCHIVES}`);
      await refused(server, "", {
        exit: 10,
        says: `the archive folder ${ARCHIVES} is open to other users (mode 755)`,
        hint: `chmod 0700 ${ARCHIVES}`,
      });
    });

    test("a symbolic link, also one to nowhere", async () => {
      await server.must(`mkdir -p /mnt/real && chmod 0700 /mnt/real && ln -s real /mnt/link`);
      const link = { exit: 10, says: "is a symbolic link", hint: "--dir" };
      await refused(server, "--dir /mnt/link", link);
      await server.must(`mkdir -p /opt/backup/railiance && ln -s /nowhere ${ARCHIVES}`);
      await refused(server, "", link);
      expect(await archivesOn(server, "/mnt/real")).toEqual([]);
    });

    test("a file, or below one", async () => {
      await server.must("mkdir -p /mnt && echo x > /mnt/file && chmod 600 /mnt/file");
      await refused(server, "--dir /mnt/file", { exit: 5, says: "/mnt/file is not a folder" });
      await refused(server, "--dir /mnt/file/below", {
        exit: 5,
        says: "the archive folder /mnt/file/below does not exist",
      });
      await server.must("rm -rf /opt/backup/railiance && echo x > /opt/backup/railiance");
      await refused(server, "", { exit: 5, says: `${ARCHIVES} is not a folder` });
      await server.must("rm /opt/backup/railiance");
    });

    test("-o names a file that exists, a folder that does not, or a folder", async () => {
      await server.must("mkdir -p /mnt/out && echo mine > /mnt/out/a.age");
      await refused(server, "-o /mnt/out/a.age", {
        exit: 10,
        says: "/mnt/out/a.age exists already",
        hint: "another name",
      });
      expect(server.read("/mnt/out/a.age")).toBe("mine\n");
      server.write("/mnt/out/b.age.json", "mine");
      await refused(server, "-o /mnt/out/b.age", {
        exit: 10,
        says: "/mnt/out/b.age.json exists already",
      });
      await refused(server, "-o /mnt/none/a.age", { exit: 5, says: "/mnt/none does not exist" });
      await refused(server, "-o /mnt/out", { exit: 10, says: "/mnt/out exists already" });
    });
  });

  test("-o needs no private folder, and works where there are no hard links", async () => {
    await server.must("mkdir -p /mnt/out && chmod 0755 /mnt/out");
    const noLinks = "strace -f -q -o /dev/null -e inject=link,linkat:error=EPERM";
    const result = await server.run(`${noLinks} ${PROGRAM} backup -o /mnt/out/mine.age`);
    expect(result.stderr).toContain("read back");
    expect(result.stdout).toBe("/mnt/out/mine.age\n");
    expect((await archivesOn(server, "/mnt/out")).sort()).toEqual(["mine.age", "mine.age.json"]);
    expect(await archivesOn(server)).toEqual([]);
  }, 60_000);

  describe("because of K3s's settings:", () => {
    test("a data folder that is not K3s's", async () => {
      await refused(server, "--data-dir /var/lib/elsewhere", {
        exit: 5,
        says: "there is no datastore below /var/lib/elsewhere/server/db",
        hint: "--data-dir",
      });
    });

    test("a configuration that is not YAML, with file and line", async () => {
      const drop = "/etc/rancher/k3s/config.yaml.d/20-mine.yaml";
      server.write(drop, "tls-san: [a\nnode-label: b\n");
      await refused(server, "", { exit: 2, says: `${drop} line`, hint: "mend the file" });
      server.remove("/etc/rancher/k3s/config.yaml.d");
    });

    test("k3s's program gone, with and without a unit; a restore and doctor say which K3s to install", async () => {
      await backedUp(server);
      await server.must("mv /usr/local/bin/k3s /usr/local/bin/k3s-away");
      try {
        await refused(server, "", {
          exit: 5,
          says: "k3s.service starts /usr/local/bin/k3s, but that is not there",
        });
        await server.must("mv /etc/systemd/system/k3s.service /root/");
        await refused(server, "", {
          exit: 5,
          says: "there is no k3s on this machine",
          hint: "make demo",
        });
        expectRefusal(await server.run(`${PROGRAM} restore --yes`), {
          exit: 5,
          says: "there is no k3s on this machine",
          hint: /^ {2}install K3s v\S+, as in the backup, without starting it \(INSTALL_K3S_SKIP_START=true\)/,
        });
        const { stdout } = await server.run(`${PROGRAM} doctor`);
        expect(stdout.replaceAll(/\s+/g, " ")).toContain(
          "without starting it (INSTALL_K3S_SKIP_START=true)",
        );
        expect(stdout).not.toContain("make demo");
      } finally {
        await server.must(
          "mv /usr/local/bin/k3s-away /usr/local/bin/k3s; mv /root/k3s.service /etc/systemd/system/ 2>/dev/null; true",
        );
      }
    });
  });

  test("while another backup runs, with exit 7; that one ends well", async () => {
    server.faults("save-slow 60");
    const first = server.start(`${PROGRAM} backup`);
    try {
      await server.must(
        `for i in $(seq 200); do pgrep -f '[e]tcd-snapshot save' >/dev/null && exit; sleep 0.05; done; exit 1`,
      );
      const second = await server.run(`${PROGRAM} backup`);
      expect(second.exitCode).toBe(7);
      expect(second.stderr).toMatch(/^error: another run is active \(backup, pid \d+\)\n {2}wait/m);
      expect(second.stdout).toBe("");
    } finally {
      server.faults("");
    }
    const ended = await first.done;
    expect(ended.exitCode).toBe(0);
    expect(await archivesOn(server)).toHaveLength(2);
    expect((await server.run(`${PROGRAM} verify`)).exitCode).toBe(0);
  }, 60_000);

  test("by nobody's .env or bunfig.toml: what lies in the current folder is not run", async () => {
    server.write("/srv/ops/.env", "PATH=/srv/ops/bin\nSOPS_AGE_RECIPIENTS=nonsense\n");
    server.write("/srv/ops/bunfig.toml", 'preload = ["./evil.ts"]\n');
    server.write("/srv/ops/evil.ts", 'require("fs").writeFileSync("/srv/ops/was-run", "");');
    server.write("/srv/ops/package.json", '{"type":"module"}');
    server.write("/srv/ops/tsconfig.json", '{"compilerOptions":{"paths":{"*":["./evil.ts"]}}}');
    await backedUp(server, "", { cwd: "/srv/ops" });
    expect(server.exists("/srv/ops/was-run")).toBe(false);
  });
});
