/** k3s-observed.md 19, 3: encrypted Secrets, read offline and restored. */
import { createDecipheriv } from "node:crypto";
import { describe, expect, test } from "bun:test";
import { bootstrapOf } from "./bootstrap.ts";
import { stageForFile } from "./staged.ts";
import type { Stage } from "./stage.ts";

let stage: Stage;
const SKIPPED = stageForFile((opened) => (stage = opened));

describe.skipIf(SKIPPED)("secrets encryption, read offline (19, 3)", () => {
  test("aescbc: config in cred and in the bootstrap data; a Secret decrypts from snapshot and token alone; without the flag after a restore the API server never becomes ready", async () => {
    await stage.newHost("cluster-init: true\ntoken: secret\nsecrets-encryption: true\n");
    expect((await stage.plain()).state).toBe("ready");
    await stage.server.kubectl(
      "create",
      "secret",
      "generic",
      "probe",
      "--from-literal=word=hunter2",
    );
    const status = await stage.sh("K3S_CONFIG_FILE=/dev/null k3s secrets-encrypt status");
    expect(status.stdout).toContain("Encryption Status: Enabled\nCurrent Rotation Stage: start\n");
    await stage.server.must(
      "k3s etcd-snapshot save --name enc 2>/dev/null && mv /var/lib/rancher/k3s/server/db/snapshots/enc-* /root/enc.snap",
    );
    await stage.stop();
    const files = await bootstrapOf(stage, { snapshot: "/root/enc.snap", password: "secret" });
    const config = JSON.parse(
      Buffer.from(files["EncryptionConfig"]?.Content ?? "", "base64").toString(),
    );
    const { name, secret } = config.resources[0].providers[0].aescbc.keys[0];
    expect(name).toBe("aescbckey");
    expect(Buffer.from(files["EncryptionHash"]?.Content ?? "", "base64").toString()).toMatch(
      /^start-[0-9a-f]{64}$/,
    );
    const snapshot = Buffer.from(stage.server.readBytes("/root/enc.snap"));
    expect(snapshot.includes("hunter2")).toBe(false);
    const mark = Buffer.from("k8s:enc:aescbc:v1:aescbckey:");
    const plain = [];
    for (let at = snapshot.indexOf(mark); at >= 0; at = snapshot.indexOf(mark, at + 1)) {
      const start = at + mark.length;
      const cipher = createDecipheriv(
        "aes-256-cbc",
        Buffer.from(secret, "base64"),
        snapshot.subarray(start, start + 16),
      );
      cipher.setAutoPadding(false);
      plain.push(
        cipher.update(snapshot.subarray(start + 16, start + 16 + 1024)).toString("latin1"),
      );
    }
    expect(plain.some((text) => text.includes("hunter2"))).toBe(true);

    await stage.newHost("token: secret\n");
    const reset = await stage.reset(["--cluster-reset-restore-path=/root/enc.snap"]);
    expect(reset.exitCode).toBe(0);
    expect(reset.said).toContain(
      'level=warning msg="Unable to lookup path to reconcile EncryptionConfig"',
    );
    expect((await stage.plain([], { patience: 8000 })).state).toBe("hangs");
    await stage.stop();
    stage.server.write("/etc/rancher/k3s/config.yaml", "token: secret\nsecrets-encryption: true\n");
    expect((await stage.plain()).state).toBe("ready");
    const word = await stage.server.kubectl(
      "get",
      "secret",
      "probe",
      "-o",
      "jsonpath={.data.word}",
    );
    expect(word).toBe(Buffer.from("hunter2").toString("base64"));
    await stage.stop();
  });
});
