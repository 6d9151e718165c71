/** Two Nginx for external TLS and two Traefik behind haproxy: one of each is killed. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { skipWithoutTraefik } from "../lab/places.ts";
import { HOST, proxyChecks, startProxies } from "./stack/proxies.ts";
import { drillFile, runDrill, runSmokeOf } from "./stack/run-drill.ts";
import type { DrillReport } from "../../src/ha/drill/report.ts";
import type { ProxyStack } from "./stack/proxies.ts";

describe.skipIf(skipWithoutTraefik())("proxies behind a balancer", () => {
  let stack: ProxyStack;
  beforeEach(async () => {
    stack = await startProxies();
  }, 60_000);
  afterEach(() => stack[Symbol.asyncDispose]());

  async function run(name: string): Promise<DrillReport> {
    const { work, port, edges, routers } = stack;
    const [edge1, edge2] = edges.map(({ health }) => health);
    const [router1, router2] = routers.map(({ health }) => health);
    const { folder } = work;
    const values = { folder, port, edge1, edge2, router1, router2 };
    return await runDrill(drillFile(name, { folder, values }), folder);
  }

  async function smoke(): Promise<string[]> {
    const { components } = await runSmokeOf(proxyChecks(stack), stack.work.folder);
    return components.map(({ id, outcome }) => `${id} ${outcome}`);
  }

  test("killing the Nginx that serves: the other one takes over within the window", async () => {
    const report = await run("proxy-edge-kill.yaml");
    expect(report.reasons).toEqual([]);
    expect(report.verdict).toBe("passed");
    expect([report.oldPrimary, report.newPrimary]).toEqual(["edge-1", "edge-2"]);
    expect(await smoke()).toContain("edge-1 fail");
  }, 60_000);

  test("killing a Traefik: requests go on through the other one", async () => {
    const report = await run("proxy-router-kill.yaml");
    expect(report.reasons).toEqual([]);
    expect(report.verdict).toBe("passed");
  }, 60_000);

  test("smoke names the replica that is gone, while the routed request still passes", async () => {
    expect((await smoke()).every((line) => line.endsWith(" ok"))).toBe(true);
    for (const one of stack.routers.slice(1)) await stack.kill(one);
    const after = await smoke();
    expect(after.filter((line) => line.endsWith(" fail"))).toEqual(["router-2 fail"]);
    expect(after).toContain("routed ok");
  }, 60_000);

  test("a host that nobody routes is a failure, although the proxy answers", async () => {
    const other = proxyChecks(stack).map((one) => one.replace(HOST, "other.example"));
    const { components } = await runSmokeOf(other, stack.work.folder);
    expect(components.at(-1)).toMatchObject({ id: "routed", outcome: "fail" });
    expect(components.at(-1)?.detail).toContain("404 instead of 200");
  }, 60_000);
});
