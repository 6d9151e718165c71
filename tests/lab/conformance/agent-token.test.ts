/** k3s-observed.md 15: a token of the agents' own. */
import { describe, expect, test } from "bun:test";
import { bootstrapOf } from "./bootstrap.ts";
import { DATA } from "./stage.ts";
import { stageForFile } from "./staged.ts";
import type { Stage } from "./stage.ts";

const TOKEN = ["--token", "secret"];
let stage: Stage;
const SKIPPED = stageForFile((opened) => (stage = opened));

describe.skipIf(SKIPPED)("agent token (15)", () => {
  const AGENT = ["--agent-token", "agentsecret"];

  test("server/agent-token is a file of its own, passwd holds both, the bootstrap data only in PasswdFile; restore without the flag: reset exit 0, the start exits; way out: move cred/passwd", async () => {
    await stage.newHost("cluster-init: true\n");
    expect((await stage.plain([...TOKEN, ...AGENT])).state).toBe("ready");
    expect(await stage.server.must(`stat -c '%F %a' ${DATA}/server/agent-token`)).toBe(
      "regular file 600\n",
    );
    expect(stage.server.read(`${DATA}/server/agent-token`)).toMatch(
      /^K10[0-9a-f]{64}::node:agentsecret\n$/,
    );
    expect(stage.server.read(`${DATA}/server/cred/passwd`)).toBe(
      "agentsecret,node,node,k3s:agent\nsecret,server,server,k3s:server\n",
    );
    await stage.server.must(
      "k3s etcd-snapshot save --name agent && mv /var/lib/rancher/k3s/server/db/snapshots/agent-* /root/agent.snap",
    );
    await stage.stop();
    const files = await bootstrapOf(stage, { snapshot: "/root/agent.snap", password: "secret" });
    expect(
      Object.entries(files)
        .filter(([, { Content }]) => Buffer.from(Content, "base64").includes("agentsecret"))
        .map(([name]) => name),
    ).toEqual(["PasswdFile"]);

    await stage.newHost("");
    await Bun.sleep(3100); // K3s forgives three seconds of clock skew
    expect(
      (await stage.reset(["--cluster-reset-restore-path=/root/agent.snap", ...TOKEN])).exitCode,
    ).toBe(0);
    const { state, said } = await stage.plain(TOKEN);
    expect(state).toBe("exited");
    expect(said).toContain(
      `${DATA}/server/cred/passwd newer than datastore and could cause a cluster outage. Remove the file(s) from disk and restart to be recreated from datastore.`,
    );
    await stage.server.must(`mv ${DATA}/server/cred/passwd /root/passwd.aside`);
    expect((await stage.plain(TOKEN)).state).toBe("ready");
    await stage.stop();
  });

  test("right way: agent-token: in the configuration at the reset and at the start; a restart without it turns it back into the link", async () => {
    await stage.newHost("token: secret\nagent-token: agentsecret\n");
    expect((await stage.reset(["--cluster-reset-restore-path=/root/agent.snap"])).exitCode).toBe(0);
    expect((await stage.plain()).state).toBe("ready");
    const agent = (password: string) =>
      stage.server.must(
        `bash -c 'exec 3<>/dev/tcp/127.0.0.1/6444; printf "GET /v1-k3s/readyz HTTP/1.1\\r\\nHost: x\\r\\nAuthorization: Basic %s\\r\\nConnection: close\\r\\n\\r\\n" $(printf node:${password} | base64) >&3; head -1 <&3'`,
      );
    expect(await agent("agentsecret")).toContain("200");
    await stage.stop();
    stage.server.write("/etc/rancher/k3s/config.yaml", "token: secret\n");
    expect((await stage.plain()).state).toBe("ready");
    expect(await agent("agentsecret")).toContain("401");
    expect((await stage.sh(`readlink ${DATA}/server/agent-token`)).stdout).toBe(
      `${DATA}/server/token\n`,
    );
    await stage.stop();
  });
});
