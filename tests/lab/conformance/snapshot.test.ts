/** k3s-observed.md 2, 8, 9, 11, 12, 18: `etcd-snapshot`, on one running server. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { crc32, inflateRawSync } from "node:zlib";
import { skipWithoutLab, startBareServer } from "../server.ts";
import type { BareServer } from "../server.ts";

setDefaultTimeout(60_000);

const DATA = "/var/lib/rancher/k3s";
const FOLDER = `${DATA}/server/db/snapshots`;
const ERROR_ID =
  /level=fatal msg="Error: see server log for details: Internal error occurred: etcd-snapshot error ID \d{5}"\n$/;

describe.skipIf(skipWithoutLab())("k3s etcd-snapshot (k3s-observed.md 2)", () => {
  let server: BareServer;
  const k3s = (args: string, how: { env?: Record<string, string>; user?: string } = {}) =>
    server.run(`k3s etcd-snapshot ${args}`, {
      ...how,
      env: { K3S_CONFIG_FILE: "/dev/null", ...how.env },
    });
  const files = async (folder = FOLDER): Promise<string[]> => {
    const { stdout } = await server.run(`ls -A ${folder}`);
    return stdout.split("\n").filter((name) => name !== "");
  };
  const clear = () => server.must(`rm -rf ${FOLDER}/* /scratch; mkdir -p /scratch`);

  beforeAll(async () => {
    server = await startBareServer({ executable: null });
    await clear();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  test("save, piped: exit 0, one line on stderr, nothing on stdout", async () => {
    const { exitCode, stdout, stderr } = await k3s("save --name railiance-s2");
    expect(stdout).toBe("");
    expect(stderr).toMatch(
      /^time="\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ" level=info msg="Snapshot railiance-s2-s1-\d{10} saved."\n$/,
    );
    expect(exitCode).toBe(0);
  });

  test("save, terminal: INFO[0000] with colour codes", async () => {
    const { stdout } = await server.run(
      `script -qec 'k3s etcd-snapshot save --name railiance-s2' /dev/null`,
      {
        env: { K3S_CONFIG_FILE: "/dev/null" },
      },
    );
    expect(stdout).toMatch(
      /^\u001b\[36mINFO\u001b\[0m\[0000\] Snapshot railiance-s2-s1-\d{10} saved\. +\r\n$/,
    );
  });

  test("save, disk full: exit 0, nothing at all, no file, no .part; the reason stands in the ETCDSnapshotFile", async () => {
    await clear();
    await server.must(`mount -t tmpfs -o size=64k full ${FOLDER}`);
    const { exitCode, stdout, stderr } = await k3s("save --name full");
    const left = await files();
    await server.must(`umount ${FOLDER}`);
    expect({ exitCode, stdout, stderr, left }).toEqual({
      exitCode: 0,
      stdout: "",
      stderr: "",
      left: [],
    });
    const objects = await server.kubectl("get", "etcdsnapshotfiles", "-o", "json");
    const failed: unknown[] = JSON.parse(objects).items.filter(
      (item: { spec: { snapshotName: string } }) => item.spec.snapshotName.startsWith("full-"),
    );
    expect(failed).toHaveLength(1);
    expect(failed[0]).toMatchObject({ spec: { location: "" }, status: { readyToUse: false } });
    expect(JSON.stringify(failed[0])).toContain("no space left on device");
    const { stdout: log } = await server.run(
      "journalctl -u k3s --no-pager | grep -c 'no space left on device'",
    );
    expect(Number(log)).toBeGreaterThan(0);
  });

  test("save, compressed, and not even the raw file fits: exit 0, nothing", async () => {
    await server.must("mount -t tmpfs -o size=64k full /scratch");
    const { exitCode, stderr } = await k3s(
      "save --name full --dir /scratch --etcd-snapshot-compress",
    );
    const left = await files("/scratch");
    await server.must("umount /scratch");
    expect({ exitCode, stderr, left }).toEqual({ exitCode: 0, stderr: "", left: [] });
  });

  test("save, compressed, raw fits but the zip does not: exit 1, an error ID", async () => {
    await server.must(
      "mount -t tmpfs -o size=64m full /scratch && k3s etcd-snapshot save --name probe --dir /scratch",
    );
    await server.must(
      `size=$(stat -c %s /scratch/probe*); rm /scratch/probe*; head -c $((64*1048576 - (size / 4096 + 8) * 4096)) /dev/zero >/scratch/filler`,
    );
    const { exitCode, stderr } = await k3s(
      "save --name zip --dir /scratch --etcd-snapshot-compress",
    );
    const left = await files("/scratch");
    await server.must("umount /scratch");
    expect(stderr).toMatch(ERROR_ID);
    expect({ exitCode, left }).toEqual({ exitCode: 1, left: ["filler"] });
  });

  test("save, name with `/`: exit 0, nothing, no file", async () => {
    await clear();
    const { exitCode, stdout, stderr } = await k3s("save --name a/b");
    expect({ exitCode, stdout, stderr, left: await files() }).toEqual({
      exitCode: 0,
      stdout: "",
      stderr: "",
      left: [],
    });
  });

  test("save, --dir missing: exit 1, an error ID", async () => {
    const { exitCode, stderr } = await k3s("save --name x --dir /nowhere");
    expect(stderr).toMatch(ERROR_ID);
    expect(exitCode).toBe(1);
  });

  test("save while another runs: the same form; the log says `snapshot save already in progress`", async () => {
    server.faults("save-slow 1");
    const first = k3s("save --name slow");
    await Bun.sleep(400);
    const second = await k3s("save --name second");
    server.faults("");
    expect(second.stderr).toMatch(ERROR_ID);
    expect((await first).stderr).toContain("saved.");
    await server.must("journalctl -u k3s --no-pager | grep 'snapshot save already in progress'");
  });

  test("save, wrong token: not authorized; without a CA hash a warning comes first", async () => {
    const bare = await k3s("save --etcd-token wrong");
    expect(bare.stderr).toMatch(
      /level=warning msg="Cluster CA certificate is not trusted by the host CA bundle, but the token does not include a CA hash\./,
    );
    expect(bare.stderr).toContain(
      'level=fatal msg="Error: see server log for details: not authorized"',
    );
    const [head] = server.read(`${DATA}/server/token`).split("::");
    const full = await k3s(`save --etcd-token ${head}::server:wrong`);
    expect(full.stderr).toMatch(
      /^time="[^"]*" level=fatal msg="Error: see server log for details: not authorized"\n$/,
    );
    expect([bare.exitCode, full.exitCode]).toEqual([1, 1]);
  });

  test("save, wrong CA hash in the token; a hash of another length", async () => {
    const wrong = await k3s(`save --etcd-token K10${"0".repeat(64)}::server:secret`);
    expect(wrong.stderr).toMatch(
      /Error: token CA hash does not match the Cluster CA certificate hash: 0{64} != [0-9a-f]{64}"/,
    );
    const long = await k3s(`save --etcd-token K10${"0".repeat(66)}::server:secret`);
    expect(long.stderr).toContain('msg="Error: invalid token CA hash length"');
    expect([wrong.exitCode, long.exitCode]).toEqual([1, 1]);
  });

  test("save, not root: open …/server/token: permission denied", async () => {
    const { exitCode, stderr } = await k3s(`save --data-dir ${DATA}`, { user: "nobody" });
    expect(stderr).toContain(`msg="Error: open ${DATA}/server/token: permission denied"`);
    expect(exitCode).toBe(1);
  });

  test("ls of a data dir without a token; save with an argument (transcripts 03-v, 03-save-extraarg)", async () => {
    const ls = await k3s("ls --data-dir /nonexist");
    expect(ls.stderr).toContain(
      'msg="Error: open /nonexist/server/token: no such file or directory"',
    );
    const extra = await k3s("save extra");
    expect(extra.stderr).toContain('msg="Error: this command does not take any arguments"');
    expect([ls.exitCode, extra.exitCode]).toEqual([1, 1]);
  });

  test("delete, existing / missing / no name", async () => {
    await clear();
    await k3s("save --name gone");
    const [name = ""] = await files();
    const existing = await k3s(`delete ${name}`);
    expect(existing.stderr).toContain(`level=info msg="Snapshot ${name} deleted."`);
    const missing = await k3s("delete nosuch-snap");
    expect(missing.stderr).toContain('level=warning msg="Snapshot nosuch-snap not found."');
    const none = await k3s("delete");
    expect(none.stderr).toContain('level=fatal msg="Error: no snapshots given for removal"');
    expect([existing.exitCode, missing.exitCode, none.exitCode]).toEqual([0, 0, 1]);
    expect(await files()).toEqual([]);
  });

  test("the unix suffix is rounded: it can lie a second in the future", async () => {
    let ahead = false;
    for (let attempt = 0; attempt < 8 && !ahead; attempt += 1) {
      const { stdout } = await server.run(
        `while [ $(date +%1N) -lt 6 ] || [ $(date +%1N) -gt 7 ]; do sleep 0.02; done; before=$(date +%s)
         k3s etcd-snapshot save --name round 2>&1 | grep -o '[0-9]\\{10\\} saved' | cut -c1-10; echo $before`,
      );
      const [suffix = 0, before = 0] = stdout.split("\n").map(Number);
      ahead = suffix === before + 1;
    }
    expect(ahead).toBe(true);
  });

  test("two saves of one name in one second can both exit 0 and be one file", async () => {
    await clear();
    const { stdout } = await server.run(
      "for i in 1 2 3 4 5 6 7 8; do k3s etcd-snapshot save --name same 2>&1 | grep -c saved; done",
    );
    expect(stdout).toBe("1\n".repeat(8));
    expect((await files()).length).toBeLessThan(8);
  });

  test("raw and .zip are both 0600; the zip holds the snapshot", async () => {
    await clear();
    await k3s("save --name raw");
    const packed = await k3s("save --name packed --etcd-snapshot-compress");
    expect(packed.stderr).toMatch(/Snapshot packed-s1-\d{10}\.zip saved\./);
    const { stdout } = await server.run(`stat -c %a ${FOLDER}/*`);
    expect(stdout).toBe("600\n600\n");
    const [name = ""] = (await files()).filter((one) => one.endsWith(".zip"));
    const zip = Buffer.from(server.readBytes(`${FOLDER}/${name}`));
    const label = zip.subarray(30, 30 + zip.readUInt16LE(26)).toString();
    const data = inflateRawSync(
      zip.subarray(30 + label.length, 30 + label.length + zip.readUInt32LE(18)),
    );
    expect(`${label}.zip`).toBe(name);
    expect([data.length, crc32(data)]).toEqual([zip.readUInt32LE(22), zip.readUInt32LE(14)]);
    expect(data.length % 512).toBe(32);
  });

  test("ls -o json: a List of ETCDSnapshotFile, size a string; the table; items null when empty", async () => {
    await clear();
    const empty = await k3s("ls -o json");
    expect(empty.stdout).toBe(
      '{\n    "kind": "List",\n    "apiVersion": "v1",\n    "metadata": {},\n    "items": null\n}\n',
    );
    expect((await k3s("ls")).stdout).toBe("Name Location Size Created\n");
    await k3s("save --name one");
    const [name = ""] = await files();
    const { size } = JSON.parse(await server.must(`stat -c '{"size":"%s"}' ${FOLDER}/${name}`));
    const { stdout, stderr } = await k3s("ls -o json");
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
    const table = (await k3s("ls")).stdout.split("\n")[1];
    expect(table).toBe(`${name} file://${FOLDER}/${name} ${size} ${created}`);
  });

  test("after a save with --dir elsewhere a plain ls does not show it, delete with the wrong --dir says not found, the objects follow the last directory", async () => {
    await clear();
    await k3s("save --name here");
    await server.must("mkdir /scratch/there");
    await k3s("save --name there --dir /scratch/there");
    expect((await k3s("ls")).stdout).not.toContain("there-");
    const [other = ""] = await files("/scratch/there");
    const objects = await server.kubectl("get", "etcdsnapshotfiles");
    expect(objects).toContain("there-s1");
    expect(objects).not.toMatch(/local-here/);
    const wrong = await k3s(`delete ${other}`);
    expect(wrong.stderr).toContain(`Snapshot ${other} not found.`);
    expect(wrong.exitCode).toBe(0);
    expect((await files()).length).toBe(1);
  });

  test("prune --name P matches by prefix; save never prunes", async () => {
    await clear();
    await server.must(
      `for i in 1 2 3; do touch ${FOLDER}/railiance-s2-s1-179500000$i ${FOLDER}/railiance-s2-other-s1-179600000$i ${FOLDER}/alien-s1-179600000$i; done`,
    );
    await k3s("save --name railiance-s2 --etcd-snapshot-retention 1");
    expect(await files()).toHaveLength(10);
    const { stderr } = await k3s("prune --name railiance-s2 --etcd-snapshot-retention 2");
    expect(stderr.match(/deleted\./g)).toHaveLength(5);
    const left = await files();
    expect(left.filter((name) => name.startsWith("alien"))).toHaveLength(3);
    expect(left.filter((name) => name.startsWith("railiance-s2"))).toHaveLength(2);
  });

  test("without --name, on-demand ones are on-demand-<node>-<unix> (12)", async () => {
    expect((await k3s("save")).stderr).toMatch(/Snapshot on-demand-s1-\d{10} saved/);
  });

  test("the annotation snapshot-token-hash equals the 12 hex of /bootstrap/<hash> (16.2)", async () => {
    await clear();
    await k3s("save --name hashed");
    const items = JSON.parse(await server.kubectl("get", "etcdsnapshotfiles", "-o", "json")).items;
    const hash: string =
      items.at(-1).metadata.annotations["etcd.k3s.cattle.io/snapshot-token-hash"];
    const { stdout } = await server.run(`grep -aoc '/bootstrap/${hash}' ${FOLDER}/hashed-*`);
    expect(Number(stdout)).toBeGreaterThan(0);
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
      const { exitCode, stdout, stderr } = await k3s(args, {
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
    const { exitCode } = await k3s("save --etcd-snapshot-dir /scratch/line", {
      env: { K3S_CONFIG_FILE: "/etc/alias.yaml" },
    });
    expect(exitCode).toBe(0);
    expect(await files("/scratch/line")).toHaveLength(1);
    expect(await files("/scratch/config")).toHaveLength(0);
  });

  test("one warning per unknown key before the result; K3S_CONFIG_FILE=/dev/null silences it (9.5)", async () => {
    server.write(
      "/etc/noise.yaml",
      "token: secret\nserver: https://1.2.3.4:6443\nwrite-kubeconfig-mode: '644'\n",
    );
    const { exitCode, stderr } = await k3s("save --name noisy", {
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
    const { exitCode } = await k3s("save", {
      env: { K3S_TOKEN: "wrong", K3S_TOKEN_FILE: "/nowhere", K3S_URL: "https://1.2.3.4:6443" },
    });
    expect(exitCode).toBe(0);
  });

  test("etcd-snapshot-dir in config.yaml: save, ls, delete all use it (11)", async () => {
    await server.must("rm -rf /scratch/x; mkdir -p /scratch/x");
    server.write("/etc/dir.yaml", "etcd-snapshot-dir: /scratch/x\n");
    const env = { K3S_CONFIG_FILE: "/etc/dir.yaml" };
    await k3s("save --name c", { env });
    const [name = ""] = await files("/scratch/x");
    expect((await k3s("ls", { env })).stdout).toContain(name);
    expect((await k3s(`delete ${name}`, { env })).stderr).toContain("deleted.");
    expect(await files("/scratch/x")).toEqual([]);
  });

  test("a snapshot is never in its own data (18)", async () => {
    await clear();
    await k3s("save --name self");
    const [name = ""] = await files();
    const { stdout } = await server.run(`grep -ac 'local-${name}' ${FOLDER}/${name}`);
    expect(stdout.trim()).toBe("0");
  });

  test("k3s --version: two lines; serverVersion.gitVersion (16.1)", async () => {
    const version = await server.must("k3s --version");
    expect(version).toMatch(
      /^k3s version (v1\.\d+\.\d+\+k3s1) \([0-9a-f]{8}\)\ngo version go1\.\d+\.\d+\n$/,
    );
    const { serverVersion } = JSON.parse(await server.kubectl("version", "-o", "json"));
    expect(version).toContain(serverVersion.gitVersion);
  });

  test("after `token rotate` save is not authorized until k3s is restarted; then it works", async () => {
    const rotated = await server.run("k3s token rotate --new-token newsecret", {
      env: { K3S_CONFIG_FILE: "/dev/null" },
    });
    expect(rotated.stdout).toBe(
      "\u001b[33mWARNING\u001b[0m: Recommended to keep a record of the old token. If restoring from a snapshot, you must use the token associated with that snapshot.\nToken rotated, restart k3s nodes with new token\n",
    );
    expect(rotated.exitCode).toBe(0);
    expect(server.read(`${DATA}/server/token`)).toEndWith("::server:newsecret\n");
    expect(server.read(`${DATA}/server/cred/passwd`)).toBe(
      "newsecret,node,node,k3s:agent\nnewsecret,server,server,k3s:server\n",
    );
    const refused = await k3s("save");
    expect(refused.stderr).toContain("Error: see server log for details: not authorized");
    await server.must("systemctl restart k3s");
    expect((await k3s("save")).exitCode).toBe(0);
  });

  test("save, server down: connection refused by https://127.0.0.1:6443/cacerts", async () => {
    await server.stopCluster();
    const { exitCode, stderr } = await k3s("save");
    expect(stderr).toMatch(
      /^time="[^"]+" level=fatal msg="Error: failed to get CA certs: Get \\"https:\/\/127\.0\.0\.1:6443\/cacerts\\": dial tcp 127\.0\.0\.1:6443: connect: connection refused"\n$/,
    );
    expect(exitCode).toBe(1);
  });
});
