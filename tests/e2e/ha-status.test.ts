/**
 * `ha status` on a bare server with the real helm: what ran in the lab proves
 * nothing of a live cluster, and a release that moved on is not proven any more.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { skipWithoutLab, startBareServer } from "../lab/server.ts";
import { PROGRAM, helm } from "./workload.ts";
import type { BareServer } from "../lab/server.ts";

const UNIT = `[Service]
ExecStart=/usr/bin/python3 -m http.server 8085 --bind 127.0.0.1
WorkingDirectory=/run
Restart=always
RestartSec=200ms
StartLimitIntervalSec=0
`;
const DRILL = `apiVersion: railiance/drill/v1
name: web-kill
steadyState: [{id: answers, http: {url: "http://127.0.0.1:8085/"}}]
baseline: 1s
probe: {kind: http, url: "http://127.0.0.1:8085/", interval: 100ms}
target: {resolve: fixed, name: web}
kill: {method: service-kill, unit: web.service, keepDown: false}
recovery: {window: 30s, primaryChanges: false}
`;
const COMPONENTS = `schema: railiance.ha-components/1
components:
  - {component: web, drill: drill.yaml, release: shop/web, chart: web@1.0.0, values: [values.yaml]}
`;

const chart = (version: string): string => `apiVersion: v2\nname: web\nversion: ${version}\n`;

describe.skipIf(skipWithoutLab())("ha status on a server", () => {
  let server: BareServer;
  beforeAll(async () => {
    server = await startBareServer();
    server.write("/etc/systemd/system/web.service", UNIT, 0o644);
    server.write("/root/ha/drill.yaml", DRILL);
    server.write("/root/ha/components.yaml", COMPONENTS);
    server.write("/root/ha/values.yaml", "a: 1\n");
    server.write("/root/chart/Chart.yaml", chart("1.0.0"));
    await helm(
      server,
      "install web /root/chart -n shop --create-namespace -f /root/ha/values.yaml",
    );
    await server.must(["systemctl", "start", "web"]);
    const ask = "import urllib.request as u; u.urlopen('http://127.0.0.1:8085')";
    const wait = `until python3 -c "${ask}" 2>/dev/null; do sleep 0.2; done`;
    await server.must(["timeout", "30", "sh", "-c", wait]);
  }, 240_000);
  afterAll(() => server[Symbol.asyncDispose]());

  const status = (args = "") =>
    server.run(`${PROGRAM} ha status --strict --file /root/ha/components.yaml ${args}`);

  test("a pass in the lab says that it rests on a stand-in, and is not recorded", async () => {
    const ran = await server.run(`${PROGRAM} ha drill /root/ha/drill.yaml --yes --json`);
    expect([ran.exitCode, JSON.parse(ran.stdout)]).toEqual([
      0,
      expect.objectContaining({ verdict: "passed", rests_on: "a stand-in for K3s" }),
    ]);
    const recorded = await status("--record");
    expect(recorded.exitCode).toBe(12);
    expect(recorded.stderr).toContain("it rests on a stand-in for K3s; only a live cluster counts");
    expect(server.exists("/root/ha/passes.yaml")).toBe(false);
  }, 120_000);

  test("a pass counts as long as the cluster runs its chart, and as long as nobody looks it is believed", async () => {
    // As if the same had been measured on a live cluster.
    await server.must(
      `sed -i 's/"restsOn": "[^"]*"/"restsOn": null/' /var/lib/railiance/cluster/drills/web-kill_*.json`,
    );
    const proven = await status("--record");
    expect([proven.exitCode, proven.stderr]).toEqual([0, ""]);
    expect(proven.stdout).toContain("charts compared with the cluster of ");

    server.write("/root/chart/Chart.yaml", chart("1.1.0"));
    await helm(server, "upgrade web /root/chart -n shop -f /root/ha/values.yaml");
    const moved = await status("--json");
    expect([moved.exitCode, JSON.parse(moved.stdout)]).toEqual([
      11,
      expect.objectContaining({
        components: [
          expect.objectContaining({
            state: "moved",
            live_chart: "web@1.1.0",
            why: [
              expect.stringMatching(
                /^the cluster of \S+ runs web@1\.1\.0, the pass is one of web@1\.0\.0$/,
              ),
            ],
          }),
        ],
      }),
    ]);
    const offline = await status("--offline");
    expect([offline.exitCode, offline.stderr]).toEqual([0, ""]);
    expect(offline.stdout).toContain("no cluster was asked");
  }, 120_000);

  test("while K3s is down it says that nobody was asked; with --live that is an error", async () => {
    await server.must(["systemctl", "stop", "k3s"]);
    const down = await status();
    expect(down.exitCode).toBe(0);
    expect(down.stderr).toContain("the cluster of this host was not asked which charts run");
    expect((await status("--live")).exitCode).toBe(5);
  }, 120_000);
});
