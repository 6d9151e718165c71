/** k3s-observed.md 2, 12, 16, 18: `etcd-snapshot save`, on one running server. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { crc32, inflateRawSync } from "node:zlib";
import { heldUpSave, untilK3sSaid } from "../k3s-said.ts";
import { skipWithoutLab, startBareServer } from "../server.ts";
import { ERROR_ID, FOLDER, clear, etcdSnapshot, filesIn } from "./snapshots.ts";
import type { BareServer } from "../server.ts";

setDefaultTimeout(60_000);

const DATA = "/var/lib/rancher/k3s";

describe.skipIf(skipWithoutLab())("k3s etcd-snapshot save", () => {
  let server: BareServer;

  beforeAll(async () => {
    server = await startBareServer({ executable: null });
    await clear(server);
  });
  afterAll(() => server[Symbol.asyncDispose]());

  test("save, piped: exit 0, one line on stderr, nothing on stdout", async () => {
    const { exitCode, stdout, stderr } = await etcdSnapshot(server, "save --name railiance-s2");
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
    await clear(server);
    await server.must(`mount -t tmpfs -o size=64k full ${FOLDER}`);
    const { exitCode, stdout, stderr } = await etcdSnapshot(server, "save --name full");
    const left = await filesIn(server);
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
    const { exitCode, stderr } = await etcdSnapshot(
      server,
      "save --name full --dir /scratch --etcd-snapshot-compress",
    );
    const left = await filesIn(server, "/scratch");
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
    const { exitCode, stderr } = await etcdSnapshot(
      server,
      "save --name zip --dir /scratch --etcd-snapshot-compress",
    );
    const left = await filesIn(server, "/scratch");
    await server.must("umount /scratch");
    expect(stderr).toMatch(ERROR_ID);
    expect({ exitCode, left }).toEqual({ exitCode: 1, left: ["filler"] });
  });

  test("save, name with `/`: exit 0, nothing, no file", async () => {
    await clear(server);
    const { exitCode, stdout, stderr } = await etcdSnapshot(server, "save --name a/b");
    expect({ exitCode, stdout, stderr, left: await filesIn(server) }).toEqual({
      exitCode: 0,
      stdout: "",
      stderr: "",
      left: [],
    });
  });

  test("save, --dir missing: exit 1, an error ID", async () => {
    const { exitCode, stderr } = await etcdSnapshot(server, "save --name x --dir /nowhere");
    expect(stderr).toMatch(ERROR_ID);
    expect(exitCode).toBe(1);
  });

  test("save while another runs: the same form; the log says `snapshot save already in progress`", async () => {
    server.faults("save-slow 60");
    const first = etcdSnapshot(server, "save --name slow");
    await untilK3sSaid(server, heldUpSave("slow"));
    const second = await etcdSnapshot(server, "save --name second");
    server.faults("");
    expect(second.stderr).toMatch(ERROR_ID);
    expect((await first).stderr).toContain("saved.");
    await untilK3sSaid(server, "snapshot save already in progress");
  });

  test("save, wrong token: not authorized; without a CA hash a warning comes first", async () => {
    const bare = await etcdSnapshot(server, "save --etcd-token wrong");
    expect(bare.stderr).toMatch(
      /level=warning msg="Cluster CA certificate is not trusted by the host CA bundle, but the token does not include a CA hash\./,
    );
    expect(bare.stderr).toContain(
      'level=fatal msg="Error: see server log for details: not authorized"',
    );
    const [head] = server.read(`${DATA}/server/token`).split("::");
    const full = await etcdSnapshot(server, `save --etcd-token ${head}::server:wrong`);
    expect(full.stderr).toMatch(
      /^time="[^"]*" level=fatal msg="Error: see server log for details: not authorized"\n$/,
    );
    expect([bare.exitCode, full.exitCode]).toEqual([1, 1]);
  });

  test("save, wrong CA hash in the token; a hash of another length", async () => {
    const wrong = await etcdSnapshot(
      server,
      `save --etcd-token K10${"0".repeat(64)}::server:secret`,
    );
    expect(wrong.stderr).toMatch(
      /Error: token CA hash does not match the Cluster CA certificate hash: 0{64} != [0-9a-f]{64}"/,
    );
    const long = await etcdSnapshot(
      server,
      `save --etcd-token K10${"0".repeat(66)}::server:secret`,
    );
    expect(long.stderr).toContain('msg="Error: invalid token CA hash length"');
    expect([wrong.exitCode, long.exitCode]).toEqual([1, 1]);
  });

  test("save, not root: open …/server/token: permission denied", async () => {
    const { exitCode, stderr } = await etcdSnapshot(server, `save --data-dir ${DATA}`, {
      user: "nobody",
    });
    expect(stderr).toContain(`msg="Error: open ${DATA}/server/token: permission denied"`);
    expect(exitCode).toBe(1);
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
    const fewer: boolean[] = [];
    while (!fewer.includes(true) && fewer.length < 6) {
      await clear(server);
      const { stdout } = await server.run(
        "for i in 1 2 3 4 5 6 7 8; do k3s etcd-snapshot save --name same 2>&1 | grep -c saved; done",
      );
      expect(stdout).toBe("1\n".repeat(8));
      fewer.push((await filesIn(server)).length < 8);
    }
    expect(fewer).toContain(true);
  });

  test("raw and .zip are both 0600; the zip holds the snapshot", async () => {
    await clear(server);
    await etcdSnapshot(server, "save --name raw");
    const packed = await etcdSnapshot(server, "save --name packed --etcd-snapshot-compress");
    expect(packed.stderr).toMatch(/Snapshot packed-s1-\d{10}\.zip saved\./);
    const { stdout } = await server.run(`stat -c %a ${FOLDER}/*`);
    expect(stdout).toBe("600\n600\n");
    const [name = ""] = (await filesIn(server)).filter((one) => one.endsWith(".zip"));
    const zip = Buffer.from(server.readBytes(`${FOLDER}/${name}`));
    const label = zip.subarray(30, 30 + zip.readUInt16LE(26)).toString();
    const data = inflateRawSync(
      zip.subarray(30 + label.length, 30 + label.length + zip.readUInt32LE(18)),
    );
    expect(`${label}.zip`).toBe(name);
    expect([data.length, crc32(data)]).toEqual([zip.readUInt32LE(22), zip.readUInt32LE(14)]);
    expect(data.length % 512).toBe(32);
  });

  test("without --name, on-demand ones are on-demand-<node>-<unix> (12)", async () => {
    expect((await etcdSnapshot(server, "save")).stderr).toMatch(
      /Snapshot on-demand-s1-\d{10} saved/,
    );
  });

  test("the annotation snapshot-token-hash equals the 12 hex of /bootstrap/<hash> (16.2)", async () => {
    await clear(server);
    await etcdSnapshot(server, "save --name hashed");
    const items = JSON.parse(await server.kubectl("get", "etcdsnapshotfiles", "-o", "json")).items;
    const hash: string =
      items.at(-1).metadata.annotations["etcd.k3s.cattle.io/snapshot-token-hash"];
    const { stdout } = await server.run(`grep -aoc '/bootstrap/${hash}' ${FOLDER}/hashed-*`);
    expect(Number(stdout)).toBeGreaterThan(0);
  });

  test("a snapshot is never in its own data (18)", async () => {
    await clear(server);
    await etcdSnapshot(server, "save --name self");
    const [name = ""] = await filesIn(server);
    const { stdout } = await server.run(`grep -ac 'local-${name}' ${FOLDER}/${name}`);
    expect(stdout.trim()).toBe("0");
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
    const refused = await etcdSnapshot(server, "save");
    expect(refused.stderr).toContain("Error: see server log for details: not authorized");
    await server.must("systemctl restart k3s");
    expect((await etcdSnapshot(server, "save")).exitCode).toBe(0);
  });

  test("save, server down: connection refused by https://127.0.0.1:6443/cacerts", async () => {
    await server.stopCluster();
    const { exitCode, stderr } = await etcdSnapshot(server, "save");
    expect(stderr).toMatch(
      /^time="[^"]+" level=fatal msg="Error: failed to get CA certs: Get \\"https:\/\/127\.0\.0\.1:6443\/cacerts\\": dial tcp 127\.0\.0\.1:6443: connect: connection refused"\n$/,
    );
    expect(exitCode).toBe(1);
  });
});
