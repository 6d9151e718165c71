/** k3s-observed.md 3: `server --cluster-reset`, and which token counts. */
import {
  afterAll,
  afterEach,
  beforeAll,
  describe,
  expect,
  setDefaultTimeout,
  test,
} from "bun:test";
import { skipWithoutLab } from "../server.ts";
import { DATA, openStage } from "./stage.ts";
import type { Stage } from "./stage.ts";

setDefaultTimeout(90_000);

const DIFFERENT =
  'level=fatal msg="bootstrap data already found and encrypted with different token"';
const RESET_DONE =
  'level=error msg="Shutdown request received: \\"Managed etcd cluster membership has been reset, restart without --cluster-reset flag now. Backup and delete ${datadir}/server/db on each peer etcd server and rejoin the nodes\\""';
const SKIPPED = skipWithoutLab();
const RESTORE = "--cluster-reset-restore-path=/root/good.snap";

let stage: Stage;
beforeAll(async () => {
  if (!SKIPPED) stage = await openStage();
});
afterAll(() => stage?.[Symbol.asyncDispose]());
afterEach(() => stage?.stop());

const caOf = () => stage.server.must(`md5sum < ${DATA}/server/tls/client-ca.crt`);
const baseCa = () => stage.server.must("md5sum < /root/base/server/tls/client-ca.crt");
const tokenFile = async (path: string, content: string) => stage.server.write(path, content);

describe.skipIf(SKIPPED)("reset and restore, in place (3)", () => {
  test("the decisive lines, in order; exit 0; reset-flag is 0 bytes; the next start has the snapshot's data and CA; the flag goes away", async () => {
    await stage.pristine();
    const { exitCode, said } = await stage.reset();
    expect(exitCode).toBe(0);
    const at = [
      /Pre-restore etcd database moved to \/var\/lib\/rancher\/k3s\/server\/db\/etcd-old-\d{10}"/,
      /Cluster reset: backing up certificates directory to \/var\/lib\/rancher\/k3s\/server\/tls-\d{10}"/,
    ].map((pattern) => said.search(pattern));
    at.push(said.indexOf(RESET_DONE));
    expect(at.every((place) => place > 0)).toBe(true);
    expect(at.toSorted((one, other) => one - other)).toEqual(at);
    expect(await stage.names("server/db")).toEqual([
      "etcd",
      "etcd-old-N",
      "reset-flag",
      "snapshots",
    ]);
    expect(await stage.names("server")).toContain("tls-N");
    expect(await stage.server.must(`stat -c %s ${DATA}/server/db/reset-flag`)).toBe("0\n");
    expect((await stage.plain()).state).toBe("ready");
    expect(await stage.objects()).toEqual(["before"]);
    expect(await caOf()).toBe(await baseCa());
    expect(await stage.names("server/db")).toContain("reset-flag");
    await stage.server.must(
      `for i in $(seq 80); do [ -e ${DATA}/server/db/reset-flag ] || exit 0; sleep 0.1; done; exit 1`,
    );
    expect(await stage.names("server/db")).toEqual(["etcd", "etcd-old-N", "snapshots"]);
    const peers = await stage.server.run(
      `cd ${DATA}/server/tls/etcd && /usr/local/lib/k3s-lab/etcdctl --endpoints=https://127.0.0.1:2379 --cacert=server-ca.crt --cert=client.crt --key=client.key member list`,
    );
    expect(peers.stdout.trim().split("\n")).toHaveLength(1);
  });

  test("with k3s still running: exit 1, address already in use, nothing changed", async () => {
    await stage.pristine();
    await stage.plain();
    const before = await stage.names("server/db");
    const { exitCode, said } = await stage.reset();
    expect(exitCode).toBe(1);
    expect(said).toContain(
      'level=warning msg="Error starting load balancer: listen tcp 127.0.0.1:6444: bind: address already in use"',
    );
    expect(said).toEndWith(
      'level=fatal msg="Error: listen tcp 127.0.0.1:6444: bind: address already in use"',
    );
    expect(await stage.names("server/db")).toEqual(before);
    expect(await stage.objects()).toEqual(["after", "before"]);
  });

  test("snapshot path missing: exit 1, nothing moved", async () => {
    await stage.pristine();
    const { exitCode, said } = await stage.reset(["--cluster-reset-restore-path=/root/nosuch"]);
    expect(said).toContain(
      "start managed database: etcd: snapshot path does not exist: /root/nosuch",
    );
    expect(exitCode).toBe(1);
    expect(await stage.names("server/db")).toEqual(["etcd", "snapshots"]);
  });

  test("a relative path resolves against <data-dir>/server", async () => {
    await stage.pristine();
    await stage.server.must(`cp /root/good.snap ${DATA}/server/relative.snap`);
    expect((await stage.reset(["--cluster-reset-restore-path=relative.snap"])).exitCode).toBe(0);
  });

  test("--cluster-reset without a restore path and with reset-flag present: exit 1; without the flag it works", async () => {
    await stage.pristine();
    expect((await stage.reset([])).exitCode).toBe(0);
    const { exitCode, said } = await stage.reset([]);
    expect(exitCode).toBe(1);
    expect(said).toContain(
      `start managed database: Managed etcd cluster membership was previously reset, please remove the cluster-reset flag and start k3s normally. If you need to perform another cluster reset, you must first manually delete the file at ${DATA}/server/db/reset-flag`,
    );
  });

  test("kill -9 after each step of a reset: the next plain start comes up with the snapshot's data", async () => {
    for (const step of ["2", "4"]) {
      await stage.pristine("cluster-init: true\n");
      const { exitCode } = await stage.reset([RESTORE], {
        K3S_LAB_FAULTS: `reset-die-after ${step}`,
      });
      expect(exitCode).toBe(137);
      const left = await stage.server.run("sleep 0.5; pgrep -c 'etcd|kine|kube'");
      expect(left.stdout).toBe("0\n");
      expect((await stage.plain()).state).toBe("ready");
      expect(await stage.objects()).toEqual(["before"]);
      await stage.stop();
    }
  });

  test("other hostname and IP: works; the old Node stays", async () => {
    await stage.newHost(`token: ${stage.secret}\nnode-name: other\nnode-ip: 10.99.0.7\n`);
    await stage.server.must("ip addr add 10.99.0.7/32 dev lo 2>/dev/null || true");
    expect((await stage.reset()).exitCode).toBe(0);
    expect((await stage.plain()).state).toBe("ready");
    expect(await stage.objects()).toEqual(["before"]);
    const nodes = await stage.server.kubectl("get", "nodes", "--output=name");
    expect(nodes).toBe("node/other\nnode/s1\n");
  });

  test(".zip restore is broken by absolute path: exit 1, nothing moved", async () => {
    await stage.pristine();
    const { exitCode, said } = await stage.reset(["--cluster-reset-restore-path=/root/good.zip"]);
    expect(exitCode).toBe(1);
    expect(said).toContain("etcd: snapshot path does not exist: /root/good.zip");
    await stage.server.must("cp /root/good.snap /root/good.zip");
    const present = await stage.reset(["--cluster-reset-restore-path=/root/good.zip"]);
    expect(present.said).toContain(
      `start managed database: open ${DATA}/server/db/snapshots/root/good.zip: no such file or directory`,
    );
    expect(present.exitCode).toBe(1);
    expect(await stage.names("server/db")).toEqual(["etcd", "snapshots"]);
    expect(await stage.names("server/db/etcd")).toEqual(["config", "member", "name"]);
  });
});

describe.skipIf(SKIPPED)("which token counts, in place (3)", () => {
  test("no flag, server/token and cred/passwd there: works", async () => {
    await stage.pristine();
    expect((await stage.reset()).exitCode).toBe(0);
  });

  test("server/token wrong or empty, cred/passwd right: works, the token file is rewritten", async () => {
    for (const content of ["wrong\n", ""]) {
      await stage.pristine();
      await tokenFile(`${DATA}/server/token`, content);
      expect((await stage.reset()).exitCode).toBe(0);
      expect(await stage.tokens()).toEqual({ token: stage.secret, passwd: stage.secret });
    }
  });

  test("server/token right, cred/passwd missing: exit 1, and server/token is overwritten with a random one", async () => {
    await stage.pristine();
    stage.server.remove(`${DATA}/server/cred/passwd`);
    const { exitCode, said } = await stage.reset();
    expect(said).toEndWith(DIFFERENT);
    expect(exitCode).toBe(1);
    const { token, passwd } = await stage.tokens();
    expect(token).toMatch(/^[0-9a-f]{32}$/);
    expect(token).not.toBe(stage.secret);
    expect(passwd).toBe(token);
  });

  test("server/token missing, no flag: exit 1, nothing touched", async () => {
    await stage.pristine();
    stage.server.remove(`${DATA}/server/token`);
    const { exitCode, said } = await stage.reset();
    expect(said).toEndWith(
      `level=fatal msg="Error: ${DATA}/server/token does not exist, please pass --token to complete the restoration"`,
    );
    expect(exitCode).toBe(1);
    expect(await stage.names("server/db")).toEqual(["etcd", "snapshots"]);
    expect(stage.server.exists(`${DATA}/server/token`)).toBe(false);
  });

  test("--token RIGHT, no file: works", async () => {
    await stage.pristine();
    stage.server.remove(`${DATA}/server/token`);
    expect((await stage.reset([RESTORE, "--token", stage.secret])).exitCode).toBe(0);
  });

  test("--token WRONG: exit 1, database replaced, reset-flag left, token and passwd say WRONG; a plain start with the right token stops with `newer than datastore`; another reset with the right token works", async () => {
    await stage.pristine();
    const { exitCode, said } = await stage.reset([RESTORE, "--token", "WRONG"]);
    expect(said).toEndWith(DIFFERENT);
    expect(exitCode).toBe(1);
    expect(await stage.names("server/db")).toEqual([
      "etcd",
      "etcd-old-N",
      "reset-flag",
      "snapshots",
    ]);
    expect(await stage.names("server/db/etcd")).toEqual(["config", "member", "name"]);
    expect(await stage.tokens()).toEqual({ token: "WRONG", passwd: "WRONG" });
    const plain = await stage.plain(["--token", stage.secret]);
    expect(plain.state).toBe("exited");
    expect(plain.said).toContain(
      `level=fatal msg="${DATA}/server/cred/passwd newer than datastore and could cause a cluster outage. Remove the file(s) from disk and restart to be recreated from datastore."`,
    );
    expect((await stage.reset([RESTORE, "--token", stage.secret])).exitCode).toBe(0);
    expect((await stage.plain()).state).toBe("ready");
  });
});

describe.skipIf(SKIPPED)("which token counts, empty data dir (3)", () => {
  const sameCa = async () => expect(await caOf()).toBe(await baseCa());

  test("--token RIGHT, the full K10… form, K3S_TOKEN, token: in the configuration: work, same CA", async () => {
    const full = stage.server.read("/root/base/server/token").trim();
    const ways: [string[], Record<string, string>, string][] = [
      [["--token", stage.secret], {}, ""],
      [["--token", full], {}, ""],
      [[], { K3S_TOKEN: stage.secret }, ""],
      [[], {}, `token: ${stage.secret}\n`],
    ];
    for (const [args, env, config] of ways) {
      await stage.newHost(config);
      expect((await stage.reset([RESTORE, ...args], env)).exitCode).toBe(0);
      await sameCa();
    }
  });

  test("server/token present (0 bytes suffice) and --token-file or K3S_TOKEN_FILE: works; until the first start server/token carries a wrong CA hash", async () => {
    for (const [content, args, env] of [
      [stage.secret, ["--token-file", "/root/copy"], {}],
      ["", ["--token-file", "/root/copy"], {}],
      ["", [], { K3S_TOKEN_FILE: "/root/copy" }],
    ] satisfies [string, string[], Record<string, string>][]) {
      await stage.newHost();
      await tokenFile(`${DATA}/server/token`, content);
      await tokenFile("/root/copy", ` ${stage.secret}\r\n`);
      expect((await stage.reset([RESTORE, ...args], env)).exitCode).toBe(0);
      await sameCa();
    }
    const hash = async () => stage.server.must(`grep -o '^K10[^:]*' ${DATA}/server/token`);
    const right = await stage.server.must("grep -o '^K10[^:]*' /root/base/server/token");
    expect(await hash()).not.toBe(right);
    expect((await stage.plain()).state).toBe("ready");
    expect(await hash()).toBe(right);
    expect(await stage.objects()).toEqual(["before"]);
  });

  test("server/token + server/cred/passwd: works", async () => {
    await stage.newHost();
    await stage.server.must(
      `mkdir -p ${DATA}/server/cred; cp /root/base/server/token ${DATA}/server/; cp /root/base/server/cred/passwd ${DATA}/server/cred/`,
    );
    expect((await stage.reset()).exitCode).toBe(0);
    await sameCa();
  });

  test("only server/token: fails, and the file is destroyed; the plain start after it fails too (05-a)", async () => {
    await stage.newHost();
    await stage.server.must(`mkdir -p ${DATA}/server; cp /root/base/server/token ${DATA}/server/`);
    const { exitCode, said } = await stage.reset();
    expect(said).toEndWith(DIFFERENT);
    expect(exitCode).toBe(1);
    expect(await stage.names("server/db")).toEqual(["etcd", "etcd-old-N", "reset-flag"]);
    expect((await stage.tokens()).token).not.toBe(stage.secret);
    const plain = await stage.plain();
    expect(plain.said).toContain(
      "Error: preparing server: failed to bootstrap cluster data: failed to reconcile with local datastore: bootstrap data already found and encrypted with different token",
    );
    expect(plain.state).toBe("exited");
  });

  test("only --token-file, no server/token: fails: does not exist, please pass --token", async () => {
    await stage.newHost();
    await tokenFile("/root/copy", stage.secret);
    const { exitCode, said } = await stage.reset([RESTORE, "--token-file", "/root/copy"]);
    expect(said).toContain("server/token does not exist, please pass --token");
    expect(exitCode).toBe(1);
  });
});
