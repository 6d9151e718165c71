import { describe, expect, test } from "bun:test";
import { joinFiles } from "../../../src/app/join-config.ts";
import { joinRefusal } from "../../../src/k3s/join-refusal.ts";
import { failureOf } from "../../helpers/errors.ts";
import { testSettings } from "../../helpers/settings.ts";

describe("joinRefusal()", () => {
  const fatal =
    'level=fatal msg="Error: preparing server: failed to bootstrap cluster data: failed to validate server configuration: critical configuration value mismatch between servers"';
  test("names what differs, as K3s's warnings do", () => {
    const lines = [
      'time="…" level=warning msg="critical configuration mismatched: cluster-cidr"',
      'time="…" level=warning msg="critical configuration mismatched: secrets-encryption"',
      fatal,
    ];
    expect(joinRefusal(lines)?.message).toContain(
      "because cluster-cidr, secrets-encryption differ between",
    );
    expect(joinRefusal(lines.slice(1))?.message).toContain(
      "because secrets-encryption differs between",
    );
    expect(joinRefusal([fatal])?.message).toContain("because settings differ between");
  });

  test("a wrong token, files that are newer, and words that are none of these", () => {
    const token =
      'level=fatal msg="Error: preparing server: failed to bootstrap cluster data: not authorized"';
    expect(joinRefusal([token])?.message).toContain("token");
    const newer =
      'level=fatal msg="/x/cred/passwd newer than datastore and could cause a cluster outage. Remove …"';
    expect(joinRefusal([newer])?.message).toContain("/x/cred/passwd is newer");
    expect(joinRefusal(['level=info msg="k3s is up and running"'])).toBe(undefined);
  });
});

describe("joinFiles()", () => {
  const join = { url: "https://10.0.0.2:6443", token: `K10${"a".repeat(64)}::server:secret` };
  const filesFor = async (
    config: Record<string, readonly string[]>,
    flags: readonly string[] = [],
  ) =>
    (await joinFiles(testSettings({ config, flags }), join)).map(({ target, content }) => [
      target,
      content
        .split("\n")
        .filter((line) => !line.startsWith("#"))
        .join("\n"),
    ]);
  const token = ["/etc/rancher/k3s/railiance/token", `${join.token}\n`];
  const dropIn = (text: string) => ["/etc/rancher/k3s/config.yaml.d/zz-railiance-join.yaml", text];

  test("nothing when server and token are right, whatever form the token has", async () => {
    expect(await filesFor({ server: [join.url], token: ["secret"] })).toEqual([]);
    expect(await filesFor({ server: [`${join.url}/`], token: [join.token] })).toEqual([]);
  });

  test("server: where it is missing or another, token-file: where the token is in server/token alone, or wrong", async () => {
    const server = `server: ${join.url}\n`;
    const file = "token-file: /etc/rancher/k3s/railiance/token\n";
    expect(await filesFor({ "cluster-init": ["true"], token: ["secret"] })).toEqual([
      dropIn(server),
    ]);
    expect(await filesFor({ server: ["https://10.0.0.1:6443"], token: ["secret"] })).toEqual([
      dropIn(server),
    ]);
    expect(await filesFor({ server: [join.url] })).toEqual([token, dropIn(file)]);
    expect(await filesFor({ token: ["wrong"] })).toEqual([token, dropIn(server + file)]);
  });

  test("a command line that says otherwise wins over files: refused", async () => {
    const failure = await failureOf(() =>
      filesFor({ token: ["secret"] }, ["--server=https://10.0.0.1:6443"]),
    );
    expect([failure.code, failure.message]).toEqual([
      "UNIT_FLAG",
      expect.stringContaining("--server"),
    ]);
  });
});
