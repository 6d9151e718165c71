import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { copyDurably, makeFolders, moveDurably, placeFile } from "../../../src/sys/moves.ts";
import { removeFolder, removeIfEmpty } from "../../../src/sys/remove.ts";
import { treeOf, withFolder } from "../../helpers/folder.ts";

const uid = process.getuid?.() ?? 0;
const gid = process.getgid?.() ?? 0;

function modeOf(path: string): string {
  return (statSync(path).mode & 0o7777).toString(8);
}

describe("moveDurably()", () => {
  test("moves a folder into one that it makes, closed to others", async () => {
    await withFolder(async (folder) => {
      mkdirSync(`${folder}/etcd/member`, { recursive: true });
      await moveDurably(`${folder}/etcd`, `${folder}/before/db/etcd`);
      expect(treeOf(folder)).toEqual([
        "before",
        "before/db",
        "before/db/etcd",
        "before/db/etcd/member",
      ]);
      expect([modeOf(`${folder}/before`), modeOf(`${folder}/before/db`)]).toEqual(["700", "700"]);
    });
  });

  test("never replaces what is there, not even a link to nothing", async () => {
    await withFolder(async (folder) => {
      writeFileSync(`${folder}/token`, "new");
      symlinkSync("/nowhere", `${folder}/kept`);
      const moving = moveDurably(`${folder}/token`, `${folder}/kept`);
      await expect(moving).rejects.toThrow("exists");
      expect(readFileSync(`${folder}/token`, "utf8")).toBe("new");
      expect(lstatSync(`${folder}/kept`).isSymbolicLink()).toBe(true);
    });
  });
});

describe("copyDurably()", () => {
  test("keeps bytes and mode, whatever the umask", async () => {
    await withFolder(async (folder) => {
      writeFileSync(`${folder}/config.yaml`, "cluster-init: true\n");
      chmodSync(`${folder}/config.yaml`, 0o644);
      const old = process.umask(0o077);
      await copyDurably(`${folder}/config.yaml`, `${folder}/before/config.yaml`);
      process.umask(old);
      expect(readFileSync(`${folder}/before/config.yaml`, "utf8")).toBe("cluster-init: true\n");
      expect(modeOf(`${folder}/before/config.yaml`)).toBe("644");
    });
  });

  test("leaves nothing under the name when it cannot read to the end", async () => {
    await withFolder(async (folder) => {
      mkdirSync(`${folder}/source`); // reading a folder fails after it was opened
      await expect(copyDurably(`${folder}/source`, `${folder}/kept/copy`)).rejects.toThrow();
      expect(treeOf(`${folder}/kept`)).toEqual([]);
    });
  });
});

describe("placeFile()", () => {
  test("writes through a link, and makes folders that others may enter", async () => {
    await withFolder(async (folder) => {
      writeFileSync(`${folder}/staged`, "token: new\n");
      writeFileSync(`${folder}/real`, "token: old\n");
      mkdirSync(`${folder}/rancher`);
      symlinkSync(`${folder}/real`, `${folder}/rancher/config.yaml`);
      const options = { mode: 0o600, uid, gid };
      await placeFile(`${folder}/staged`, `${folder}/rancher/config.yaml`, options);
      expect(readFileSync(`${folder}/real`, "utf8")).toBe("token: new\n");
      expect(lstatSync(`${folder}/rancher/config.yaml`).isSymbolicLink()).toBe(true);
      const old = process.umask(0o077);
      await placeFile(`${folder}/staged`, `${folder}/new/k3s/config.yaml`, options);
      process.umask(old);
      expect([modeOf(`${folder}/new`), modeOf(`${folder}/new/k3s`)]).toEqual(["755", "755"]);
      expect(modeOf(`${folder}/new/k3s/config.yaml`)).toBe("600");
    });
  });
});

describe("makeFolders()", () => {
  test("leaves a folder that is there as it is", async () => {
    await withFolder(async (folder) => {
      mkdirSync(`${folder}/there`, { mode: 0o750 });
      await makeFolders(`${folder}/there/below`, 0o700);
      expect([modeOf(`${folder}/there`), modeOf(`${folder}/there/below`)]).toEqual(["750", "700"]);
    });
  });
});

describe("removeIfEmpty(), removeFolder()", () => {
  test("keep a folder with something in it, and do not mind a missing one", async () => {
    await withFolder(async (folder) => {
      mkdirSync(`${folder}/full/one`, { recursive: true });
      await removeIfEmpty(`${folder}/full`);
      await removeIfEmpty(`${folder}/missing`);
      expect(treeOf(folder)).toEqual(["full", "full/one"]);
      await removeIfEmpty(`${folder}/full/one`);
      await removeFolder(`${folder}/full`);
      await removeFolder(`${folder}/missing`);
      expect(treeOf(folder)).toEqual([]);
    });
  });
});

describe("openAppendLog()", () => {
  test("takes back half a line that a full disk let in, so that the next one stands alone", async () => {
    await withFolder((folder) => {
      // A limit on file sizes stands in for the disk: 2 MiB, in a process of its own, set
      // only when that runs: Deno writes caches as it starts.
      const script = `import { spawnSync } from "node:child_process";
import { openAppendLog } from "${import.meta.dirname}/../../../src/sys/append-log.ts";
process.on("SIGXFSZ", () => undefined);
spawnSync("prlimit", ["--pid", String(process.pid), "--fsize=2097152"]);
const log = await openAppendLog("${folder}/journal");
await log.append({ step: "guard" });
let failed = "";
try { await log.append({ long: "x".repeat(3_000_000) }); } catch { failed = "refused"; }
await log.append({ step: failed });
process.exit(0);`;
      writeFileSync(`${folder}/append.ts`, script);
      const { execPath } = process;
      const deno = "Deno" in globalThis;
      const args = [...(deno ? ["run", "--allow-all", "--no-lock"] : []), `${folder}/append.ts`];
      const child = spawnSync(execPath, args, { encoding: "utf8" });
      expect([child.status, child.stderr]).toEqual([0, ""]);
      const lines = readFileSync(`${folder}/journal`, "utf8").split("\n");
      expect(lines).toEqual(['{"step":"guard"}', '{"step":"refused"}', ""]);
      return Promise.resolve();
    });
  });
});
