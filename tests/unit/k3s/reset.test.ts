import { describe, expect, test } from "bun:test";
import { resetCommand, resetEnvironment } from "../../../src/k3s/reset.ts";
import { testSettings } from "../../helpers/settings.ts";

const files = { snapshot: "/stage/snap.db", tokenFile: "/stage/token" };

describe("resetCommand()", () => {
  test("puts no secret on the command line", () => {
    const settings = testSettings({
      flags: [
        "--token",
        "s3cret",
        "--agent-token=s3cret",
        "--etcd-s3-secret-key",
        "s3cret",
        "--vpn-auth=s3cret",
      ],
    });
    expect(resetCommand(settings, files).join(" ")).not.toContain("s3cret");
  });

  test("keeps the unit's other flags, by their long names", () => {
    const command = resetCommand(
      testSettings({ flags: ["--node-name", "s1", "-d", "/elsewhere", "--debug"] }),
      files,
    );
    expect(command).toContain("--node-name=s1");
    expect(command).toContain("--debug");
    expect(command.filter((word) => word.startsWith("--data-dir"))).toEqual([
      "--data-dir=/var/lib/rancher/k3s",
    ]);
  });

  test("strips the server to join, from flags as from configuration", () => {
    const command = resetCommand(testSettings({ flags: ["--server", "https://s1:6443"] }), files);
    expect(command.filter((word) => word.startsWith("--server"))).toEqual(["--server="]);
    expect(command).not.toContain("https://s1:6443");
  });
});

describe("resetEnvironment()", () => {
  test("leaves out what points elsewhere or is secret, keeps the rest", () => {
    const environment = {
      K3S_URL: "https://s1",
      K3S_TOKEN: "x",
      AWS_SECRET_ACCESS_KEY: "y",
      K3S_NODE_NAME: "s1",
    };
    expect(resetEnvironment(testSettings({ environment }))).toEqual({ K3S_NODE_NAME: "s1" });
  });
});
