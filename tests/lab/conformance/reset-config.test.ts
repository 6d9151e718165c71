/** k3s-observed.md 8, 9, 10: configuration and token at a reset, and at a start. */
import { describe, expect, test } from "bun:test";
import { DATA, DIFFERENT, RESTORE } from "./stage.ts";
import { stageForFile } from "./staged.ts";
import type { Stage } from "./stage.ts";

let stage: Stage;
const SKIPPED = stageForFile((opened) => (stage = opened));

describe.skipIf(SKIPPED)("configuration and token: who wins (9)", () => {
  const WRONG = "/root/wrong-token";
  const RIGHT = "/root/right-token";
  // config.yaml, arguments, environment, works
  const rows: [string, string, string[], Record<string, string>, boolean][] = [
    [
      "`token: wrong`, `--token right`: command line",
      "token: wrong\n",
      ["--token", "SECRET"],
      {},
      true,
    ],
    [
      "`token: wrong`, `--token-file RIGHT`: token-file",
      "token: wrong\n",
      ["--token-file", RIGHT],
      {},
      true,
    ],
    [
      "`token: right`, `--token-file WRONG`: exit 1",
      "token: SECRET\n",
      ["--token-file", WRONG],
      {},
      false,
    ],
    [
      "`token: wrong` and `token-file: RIGHT` in configuration: token-file",
      `token: wrong\ntoken-file: ${RIGHT}\n`,
      [],
      {},
      true,
    ],
    [
      "`token-file: WRONG` in configuration, `--token right`: exit 1",
      `token-file: ${WRONG}\n`,
      ["--token", "SECRET"],
      {},
      false,
    ],
    [
      "`--token-file= --token right` works",
      `token-file: ${WRONG}\n`,
      ["--token-file=", "--token", "SECRET"],
      {},
      true,
    ],
    [
      "`token-file: WRONG` in configuration, `--token-file RIGHT`: command line",
      `token-file: ${WRONG}\n`,
      ["--token-file", RIGHT],
      {},
      true,
    ],
    [
      "`K3S_TOKEN=right`, `token: wrong`: exit 1",
      "token: wrong\n",
      [],
      { K3S_TOKEN: "SECRET" },
      false,
    ],
    [
      "`K3S_TOKEN=wrong`, `token: right`: configuration",
      "token: SECRET\n",
      [],
      { K3S_TOKEN: "wrong" },
      true,
    ],
    [
      "`K3S_TOKEN_FILE=RIGHT`, `token: wrong`: token-file",
      "token: wrong\n",
      [],
      { K3S_TOKEN_FILE: RIGHT },
      true,
    ],
    [
      "`K3S_TOKEN=wrong`, `token-file: RIGHT`: token-file",
      `token-file: ${RIGHT}\n`,
      [],
      { K3S_TOKEN: "wrong" },
      true,
    ],
    [
      "`K3S_TOKEN_FILE=WRONG`, `--token-file RIGHT`: command line",
      "",
      ["--token-file", RIGHT],
      { K3S_TOKEN_FILE: WRONG },
      true,
    ],
  ];
  for (const [name, config, args, env, works] of rows) {
    test(name, async () => {
      const fill = (text: string) => text.replace("SECRET", stage.secret);
      await stage.newHost(fill(config));
      stage.server.write(`${DATA}/server/token`, "");
      stage.server.write(RIGHT, stage.secret);
      stage.server.write(WRONG, "wrong");
      const variables = Object.fromEntries(
        Object.entries(env).map(([key, value]) => [key, fill(value)]),
      );
      const { exitCode, said } = await stage.reset([RESTORE, ...args.map(fill)], variables);
      expect(exitCode).toBe(works ? 0 : 1);
      if (!works) expect(said).toEndWith(DIFFERENT);
    });
  }

  test("drop-ins count, the last one wins; --config F replaces config.yaml and its .d and reads F.d; a missing --config is silently ignored (9.1, 10)", async () => {
    await stage.newHost("token: wrong\n");
    stage.server.write("/etc/rancher/k3s/config.yaml.d/10.yaml", `token: ${stage.secret}\n`);
    expect((await stage.reset()).exitCode).toBe(0);
    await stage.newHost("token: wrong\n");
    stage.server.write("/root/other.yaml", "token: wrong\n");
    stage.server.write("/root/other.yaml.d/a.yaml", `token: ${stage.secret}\n`);
    expect((await stage.reset([RESTORE, "--config", "/root/other.yaml"])).exitCode).toBe(0);
    await stage.newHost("token: wrong\n");
    expect(
      (await stage.reset([RESTORE, "--config", "/root/missing.yaml", "--token", stage.secret]))
        .exitCode,
    ).toBe(0);
    await stage.newHost("");
    const beaten = await stage.reset([RESTORE, "--config", "/root/other.yaml"], {
      K3S_CONFIG_FILE: "/dev/null",
      K3S_TOKEN: "wrong",
    });
    expect(beaten.said).toContain(DIFFERENT);
  });

  test("--token-file naming a missing file waits (9.3)", async () => {
    await stage.pristine();
    const { stdout, stderr } = await stage.sh(
      `timeout 2 k3s server --cluster-reset ${RESTORE} --token-file /root/later; echo $?`,
    );
    expect(stderr).toContain('Waiting for file \\"/root/later\\" to be created');
    expect(stdout).toBe("124\n");
    expect(await stage.names("server/db")).toEqual(["etcd", "snapshots"]);
  });

  test("an unknown key in config.yaml does not stop k3s server; broken YAML does (9.4)", async () => {
    await stage.pristine("no-such-setting: 1\n");
    expect((await stage.reset()).exitCode).toBe(0);
    await stage.pristine("disable: [traefik\n");
    const { exitCode, said } = await stage.reset();
    expect(said).toEndWith(`level=fatal msg="yaml: line 1: did not find expected ',' or ']'"`);
    expect(exitCode).toBe(1);
  });

  test("a server/token made 0644 stays 0644 with the secret in it (9.7)", async () => {
    await stage.pristine();
    await stage.server.must(`chmod 644 ${DATA}/server/token`);
    await stage.reset();
    expect(await stage.server.must(`stat -c %a ${DATA}/server/token`)).toBe("644\n");
    expect((await stage.tokens()).token).toBe(stage.secret);
  });

  test("two forms of one flag on k3s server: data-dir with -d, token with -t, server with -s (8)", async () => {
    for (const [config, args, names] of [
      [`data-dir: ${DATA}\n`, ["-d", DATA], "d data-dir"],
      ["token: x\n", ["-t", "x"], "t token"],
      ["server: https://1.2.3.4:6443\n", ["-s", ""], "s server"],
    ] satisfies [string, string[], string][]) {
      await stage.newHost(config);
      const { exitCode, stdout, said } = await stage.reset([RESTORE, ...args]);
      expect(said).toContain(`Error: Cannot use two forms of the same flag: ${names}`);
      expect(stdout).toContain("USAGE:");
      expect(exitCode).toBe(1);
    }
  });

  test("server: in configuration, drop-in or K3S_URL: exit 1, nothing moved; --server= overrides; an empty K3S_URL does not (10)", async () => {
    const refusal =
      "Error: cannot perform cluster-reset while server URL is set - remove server from configuration before resetting";
    const url = "https://1.2.3.4:6443";
    await stage.pristine(`server: ${url}\n`);
    expect((await stage.reset()).said).toContain(refusal);
    expect((await stage.reset([RESTORE], { K3S_URL: "" })).said).toContain(refusal);
    await stage.pristine("");
    stage.server.write("/etc/rancher/k3s/config.yaml.d/peer.yaml", `server: ${url}\n`);
    const dropIn = await stage.reset();
    expect(dropIn.said).toContain(refusal);
    expect(dropIn.exitCode).toBe(1);
    expect((await stage.reset([RESTORE, "--server="])).exitCode).toBe(0);
    await stage.pristine("");
    expect((await stage.reset([RESTORE], { K3S_URL: url })).said).toContain(refusal);
    expect(await stage.names("server/db")).toEqual(["etcd", "snapshots"]);
    expect((await stage.reset([RESTORE, "--server="], { K3S_URL: url })).exitCode).toBe(0);
  });
});
