/** k3s-observed.md 3: which token counts at a reset. */
import { describe, expect, test } from "bun:test";
import { DATA, DIFFERENT, RESTORE, authorityOf, baseAuthorityOf } from "./stage.ts";
import { stageForFile } from "./staged.ts";
import type { Stage } from "./stage.ts";

let stage: Stage;
const SKIPPED = stageForFile((opened) => (stage = opened));

describe.skipIf(SKIPPED)("which token counts, in place (3)", () => {
  test("no flag, server/token and cred/passwd there: works", async () => {
    await stage.pristine();
    expect((await stage.reset()).exitCode).toBe(0);
  });

  test("server/token wrong or empty, cred/passwd right: works, the token file is rewritten", async () => {
    for (const content of ["wrong\n", ""]) {
      await stage.pristine();
      stage.server.write(`${DATA}/server/token`, content);
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
  const sameCa = async () => expect(await authorityOf(stage)).toBe(await baseAuthorityOf(stage));

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
      stage.server.write(`${DATA}/server/token`, content);
      stage.server.write("/root/copy", ` ${stage.secret}\r\n`);
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
    stage.server.write("/root/copy", stage.secret);
    const { exitCode, said } = await stage.reset([RESTORE, "--token-file", "/root/copy"]);
    expect(said).toContain("server/token does not exist, please pass --token");
    expect(exitCode).toBe(1);
  });
});
