/** RUNBOOK.md, followed to the letter by someone who has stock age, zstd and tar, and not our program. */
import { describe, expect, test } from "bun:test";
import { skipWithoutLab, startBareServer } from "../lab/server.ts";
import {
  PROGRAM,
  giveKey,
  makeWorkload,
  stateOf,
  wipeCluster,
  withoutTransient,
} from "./workload.ts";

/** The commands of every ```sh block, in order. */
function shellBlocks(markdown: string): string[] {
  return [...markdown.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block]) => block ?? "");
}

describe.skipIf(skipWithoutLab())("RUNBOOK.md", () => {
  test("followed block by block, brings the cluster back without our program", async () => {
    await using server = await startBareServer({
      tools: ["age", "zstd", "tar"],
      config: "node-label:\n  - 'role=first server'\n",
    });
    await giveKey(server);
    // A flag with a blank and a variable in the unit: the runbook has to quote them.
    server.write(
      "/etc/systemd/system/k3s.service.d/10-flags.conf",
      "[Service]\nExecStart=\nExecStart=/usr/local/bin/k3s server '--node-taint' 'dedicated=a b:NoSchedule'\n",
      0o644,
    );
    await makeWorkload(server);
    const before = await stateOf(server);
    const backup = await server.must(`${PROGRAM} backup -q`, { timeout: 60_000 });
    const archive = backup.trim();
    const runbook = await server.must(`${PROGRAM} extract RUNBOOK.md -o - -q`);
    await server.kubectl("create", "configmap", "after", "--from-literal=state=after");
    await wipeCluster(server);
    await server.must(`rm -r /etc/rancher ${PROGRAM} /etc/systemd/system/k3s.service.d`);

    // One that the archive does not have, and that K3s would apply to the restored cluster.
    const own = "/var/lib/rancher/k3s/server/manifests/later.yaml";
    server.write(own, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: later}\n");

    const blocks = shellBlocks(runbook);
    expect(blocks.length).toBeGreaterThan(5);
    expect(runbook).toContain(archive);
    for (const [index, block] of blocks.entries()) {
      // One shell a block, as when typed: what a later block needs it has to set itself.
      server.write(`/root/block-${index}.sh`, block);
      const result = await server.run(
        `cd /root/railiance-restore 2>/dev/null; bash -eu /root/block-${index}.sh`,
        {
          timeout: 200_000,
        },
      );
      expect(
        `block ${index + 1}: exit ${result.exitCode} ${result.exitCode === 0 ? "" : result.stderr}`,
      ).toBe(`block ${index + 1}: exit 0 `);
      if (block.includes("--cluster-reset")) {
        expect(result.stderr).toContain("restart without --cluster-reset flag now");
      }
    }

    const after = await stateOf(server);
    expect(withoutTransient(after.uids)).toEqual(withoutTransient(before.uids));
    expect(after.clientAuthority).toBe(before.clientAuthority);
    expect(after.helmValues).toBe(before.helmValues);
    await expect(server.kubectl("get", "configmap", "after")).rejects.toThrow("not found");
    const kept = await server.must("ls /var/lib/rancher/k3s/server/before-*/manifests");
    expect(kept.trim()).toBe("later.yaml");
    expect(server.exists(own)).toBe(false);
  }, 300_000);
});
