/** k3s-observed.md 2, 8, 9, 11: `etcd-snapshot ls`, `delete`, `prune`, and what the configuration does to them. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { skipWithoutLab, startBareServer } from "../server.ts";
import { FOLDER, clear, etcdSnapshot, filesIn } from "./snapshots.ts";
import type { BareServer } from "../server.ts";

setDefaultTimeout(60_000);

const DATA = "/var/lib/rancher/k3s";

describe.skipIf(skipWithoutLab())("k3s etcd-snapshot ls, delete, prune", () => {
  let server: BareServer;

  beforeAll(async () => {
    server = await startBareServer({ executable: null });
    await clear(server);
  });
  afterAll(() => server[Symbol.asyncDispose]());

  test("ls of a data dir without a token; save with an argument (transcripts 03-v, 03-save-extraarg)", async () => {
    const ls = await etcdSnapshot(server, "ls --data-dir /nonexist");
    expect(ls.stderr).toContain(
      'msg="Error: open /nonexist/server/token: no such file or directory"',
    );
    const extra = await etcdSnapshot(server, "save extra");
    expect(extra.stderr).toContain('msg="Error: this command does not take any arguments"');
    expect([ls.exitCode, extra.exitCode]).toEqual([1, 1]);
  });

  test("delete, existing / missing / no name", async () => {
    await clear(server);
    await etcdSnapshot(server, "save --name gone");
    const [name = ""] = await filesIn(server);
    const existing = await etcdSnapshot(server, `delete ${name}`);
    expect(existing.stderr).toContain(`level=info msg="Snapshot ${name} deleted."`);
    const missing = await etcdSnapshot(server, "delete nosuch-snap");
    expect(missing.stderr).toContain('level=warning msg="Snapshot nosuch-snap not found."');
    const none = await etcdSnapshot(server, "delete");
    expect(none.stderr).toContain('level=fatal msg="Error: no snapshots given for removal"');
    expect([existing.exitCode, missing.exitCode, none.exitCode]).toEqual([0, 0, 1]);
    expect(await filesIn(server)).toEqual([]);
  });

  test("ls -o json: a List of ETCDSnapshotFile, size a string; the table; items null when empty", async () => {
    await clear(server);
    const empty = await etcdSnapshot(server, "ls -o json");
    expect(empty.stdout).toBe(
      '{\n    "kind": "List",\n    "apiVersion": "v1",\n    "metadata": {},\n    "items": null\n}\n',
    );
    expect((await etcdSnapshot(server, "ls")).stdout).toBe("Name Location Size Created\n");
    await etcdSnapshot(server, "save --name one");
    const [name = ""] = await filesIn(server);
    const { size } = JSON.parse(await server.must(`stat -c '{"size":"%s"}' ${FOLDER}/${name}`));
    const { stdout, stderr } = await etcdSnapshot(server, "ls -o json");
    const created = `${new Date(Number(name.slice(-10)) * 1000).toISOString().slice(0, 19)}Z`;
    expect(stderr).toBe("");
    expect(JSON.parse(stdout)).toEqual({
      kind: "List",
      apiVersion: "v1",
      metadata: {},
      items: [
        {
          kind: "ETCDSnapshotFile",
          apiVersion: "k3s.cattle.io/v1",
          metadata: {
            name: `local-${name}`,
            labels: { "etcd.k3s.cattle.io/snapshot-storage-node": "s1" },
          },
          spec: { snapshotName: name, nodeName: "s1", location: `file://${FOLDER}/${name}` },
          status: { size, creationTime: created, readyToUse: true },
        },
      ],
    });
    const table = (await etcdSnapshot(server, "ls")).stdout.split("\n")[1];
    expect(table).toBe(`${name} file://${FOLDER}/${name} ${size} ${created}`);
  });

  test("after a save with --dir elsewhere a plain ls does not show it, delete with the wrong --dir says not found, the objects follow the last directory", async () => {
    await clear(server);
    await etcdSnapshot(server, "save --name here");
    await server.must("mkdir /scratch/there");
    await etcdSnapshot(server, "save --name there --dir /scratch/there");
    expect((await etcdSnapshot(server, "ls")).stdout).not.toContain("there-");
    const [other = ""] = await filesIn(server, "/scratch/there");
    const objects = await server.kubectl("get", "etcdsnapshotfiles");
    expect(objects).toContain("there-s1");
    expect(objects).not.toMatch(/local-here/);
    const wrong = await etcdSnapshot(server, `delete ${other}`);
    expect(wrong.stderr).toContain(`Snapshot ${other} not found.`);
    expect(wrong.exitCode).toBe(0);
    expect((await filesIn(server)).length).toBe(1);
  });

  test("prune --name P matches by prefix; save never prunes", async () => {
    await clear(server);
    await server.must(
      `for i in 1 2 3; do touch ${FOLDER}/railiance-s2-s1-179500000$i ${FOLDER}/railiance-s2-other-s1-179600000$i ${FOLDER}/alien-s1-179600000$i; done`,
    );
    await etcdSnapshot(server, "save --name railiance-s2 --etcd-snapshot-retention 1");
    expect(await filesIn(server)).toHaveLength(10);
    const { stderr } = await etcdSnapshot(
      server,
      "prune --name railiance-s2 --etcd-snapshot-retention 2",
    );
    expect(stderr.match(/deleted\./g)).toHaveLength(5);
    const left = await filesIn(server);
    expect(left.filter((name) => name.startsWith("alien"))).toHaveLength(3);
    expect(left.filter((name) => name.startsWith("railiance-s2"))).toHaveLength(2);
  });

  test("a key under two forms of one flag: exit 1, the sentence on stderr, usage on stdout (8)", async () => {
    const pairs = [
      ["etcd-snapshot-dir: /scratch", "save --dir /scratch", "etcd-snapshot-dir dir"],
      [
        "etcd-snapshot-compress: true",
        "save --snapshot-compress",
        "etcd-snapshot-compress snapshot-compress",
      ],
      [
        "etcd-snapshot-retention: 3",
        "prune --snapshot-retention 3",
        "etcd-snapshot-retention snapshot-retention",
      ],
      [`data-dir: ${DATA}`, `save -d ${DATA}`, "d data-dir"],
    ];
    for (const [line = "", args = "", names = ""] of pairs) {
      server.write("/etc/alias.yaml", `${line}\n`);
      const { exitCode, stdout, stderr } = await etcdSnapshot(server, args, {
        env: { K3S_CONFIG_FILE: "/etc/alias.yaml" },
      });
      expect(stderr).toContain(`Error: Cannot use two forms of the same flag: ${names}`);
      expect(stdout).toContain("USAGE:");
      expect(exitCode).toBe(1);
    }
  });

  test("the same name on both sides works and the command line wins (8)", async () => {
    await server.must("mkdir -p /scratch/config /scratch/line");
    server.write("/etc/alias.yaml", "etcd-snapshot-dir: /scratch/config\n");
    const { exitCode } = await etcdSnapshot(server, "save --etcd-snapshot-dir /scratch/line", {
      env: { K3S_CONFIG_FILE: "/etc/alias.yaml" },
    });
    expect(exitCode).toBe(0);
    expect(await filesIn(server, "/scratch/line")).toHaveLength(1);
    expect(await filesIn(server, "/scratch/config")).toHaveLength(0);
  });

  test("one warning per unknown key before the result; K3S_CONFIG_FILE=/dev/null silences it (9.5)", async () => {
    server.write(
      "/etc/noise.yaml",
      "token: secret\nserver: https://1.2.3.4:6443\nwrite-kubeconfig-mode: '644'\n",
    );
    const { exitCode, stderr } = await etcdSnapshot(server, "save --name noisy", {
      env: { K3S_CONFIG_FILE: "/etc/noise.yaml" },
    });
    const lines = stderr.trim().split("\n");
    expect(lines).toHaveLength(4);
    expect(lines[0]).toEndWith(
      String.raw`level=warning msg="Unknown flag --token found in config.yaml, skipping\n"`,
    );
    expect(lines[3]).toContain("Snapshot noisy-s1-");
    expect(exitCode).toBe(0);
  });

  test("K3S_TOKEN, K3S_TOKEN_FILE, K3S_URL in the environment do not disturb a save (9.5)", async () => {
    const { exitCode } = await etcdSnapshot(server, "save", {
      env: { K3S_TOKEN: "wrong", K3S_TOKEN_FILE: "/nowhere", K3S_URL: "https://1.2.3.4:6443" },
    });
    expect(exitCode).toBe(0);
  });

  test("etcd-snapshot-dir in config.yaml: save, ls, delete all use it (11)", async () => {
    await server.must("rm -rf /scratch/x; mkdir -p /scratch/x");
    server.write("/etc/dir.yaml", "etcd-snapshot-dir: /scratch/x\n");
    const env = { K3S_CONFIG_FILE: "/etc/dir.yaml" };
    await etcdSnapshot(server, "save --name c", { env });
    const [name = ""] = await filesIn(server, "/scratch/x");
    expect((await etcdSnapshot(server, "ls", { env })).stdout).toContain(name);
    expect((await etcdSnapshot(server, `delete ${name}`, { env })).stderr).toContain("deleted.");
    expect(await filesIn(server, "/scratch/x")).toEqual([]);
  });

  test("k3s --version: two lines; serverVersion.gitVersion (16.1)", async () => {
    const version = await server.must("k3s --version");
    expect(version).toMatch(
      /^k3s version (v1\.\d+\.\d+\+k3s1) \([0-9a-f]{8}\)\ngo version go1\.\d+\.\d+\n$/,
    );
    const { serverVersion } = JSON.parse(await server.kubectl("version", "-o", "json"));
    expect(version).toContain(serverVersion.gitVersion);
  });
});
