import { describe, expect, test } from "bun:test";
import { splitWords } from "../../../src/k3s/shell-words.ts";
import { parseEnvironmentFile, parseUnit } from "../../../src/k3s/unit.ts";

/** What K3s's install.sh writes, with INSTALL_K3S_EXEC="--cluster-init --node-name 's 1'". */
const INSTALLED = `[Unit]
Description=Lightweight Kubernetes
[Service]
Type=notify
EnvironmentFile=-/etc/default/%N
EnvironmentFile=-/etc/sysconfig/%N
EnvironmentFile=-/etc/systemd/system/k3s.service.env
ExecStartPre=-/sbin/modprobe br_netfilter
ExecStart=/usr/local/bin/k3s \\
    server \\
\t'--cluster-init' \\
\t'--node-name' \\
\t's 1' \\

`;

describe("parseUnit()", () => {
  test("joins the continued lines of K3s's own unit", () => {
    expect(splitWords(parseUnit(INSTALLED).execStart)).toEqual([
      "/usr/local/bin/k3s",
      "server",
      "--cluster-init",
      "--node-name",
      "s 1",
    ]);
  });

  test("expands %N in environment files and drops the leading dash", () => {
    expect(parseUnit(INSTALLED).environmentFiles).toEqual([
      "/etc/default/k3s",
      "/etc/sysconfig/k3s",
      "/etc/systemd/system/k3s.service.env",
    ]);
  });

  test("lets a drop-in clear and replace ExecStart", () => {
    const text = `${INSTALLED}\n[Service]\nExecStart=\nExecStart=/opt/k3s server --debug\n`;
    expect(parseUnit(text).execStart).toBe("/opt/k3s server --debug");
  });

  test("an empty Environment= clears what came before", () => {
    expect(parseUnit("Environment=A=1 B=2\nEnvironment=\nEnvironment='C=x y'").environment).toEqual(
      ["C=x y"],
    );
  });

  test("does not take ExecStartPre for ExecStart", () => {
    expect(parseUnit("ExecStartPre=/bin/true\n").execStart).toBe("");
  });
});

describe("parseEnvironmentFile()", () => {
  test("skips comments, keeps equals signs in values, removes one pair of quotes", () => {
    const text = `# x\n; y\n\nK3S_TOKEN="a=b"\nexport K3S_URL='https://s1:6443'\nBARE\nEMPTY=\n`;
    expect(parseEnvironmentFile(text)).toEqual([
      "K3S_TOKEN=a=b",
      "K3S_URL=https://s1:6443",
      "EMPTY=",
    ]);
  });
});

describe("splitWords()", () => {
  test("keeps an empty quoted word", () => expect(splitWords("a '' b")).toEqual(["a", "", "b"]));
  test("reads a backslash before a blank as part of the word", () =>
    expect(splitWords("a\\ b")).toEqual(["a b"]));
  test("does not read a backslash inside single quotes", () =>
    expect(splitWords("'a\\b'")).toEqual(["a\\b"]));
});
