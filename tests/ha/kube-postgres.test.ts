/** PostgreSQL and pgpool as pods of a StatefulSet and a Deployment: the incident, and the failover as it should be. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { runDrill } from "./kube/run-drill.ts";
import { POOL, setPassword, sql, startPostgres, untilWell } from "./kube/postgres.ts";
import { skipWithoutLab, startBareServer } from "../lab/server.ts";
import type { BareServer } from "../lab/server.ts";

interface DrillParts {
  readonly steady: string;
  readonly target: string;
  readonly window: string;
  readonly after: string;
  readonly label?: string;
}

const BY_POOL = `{resolve: pgpool, via: "${POOL}"}`;
const NAIVE = `{id: naive, postgres: {via: "${POOL}", write: false}}`;
const TOPOLOGY = `{id: pool, timeout: 90s, pgpool: {via: "${POOL}", nodes: 2}}`;

function drillFile(parts: DrillParts): string {
  return `apiVersion: railiance/drill/v1
name: kube-postgres-primary
about: the primary's pod of a StatefulSet is deleted
component: {namespace: db, release: pg}
guards: {requireLabel: ${parts.label ?? "railiance.io/drill=yes"}, healthyReplicas: 3}
steadyState: [${parts.steady}]
probe: {kind: sql, via: "${POOL}"}
target: ${parts.target}
kill: {method: pod-delete}
recovery: {window: ${parts.window}}
after: [${parts.after}]
`;
}

/** The drill of a well-kept database. */
const GOOD = { steady: TOPOLOGY, target: BY_POOL, window: "30s", after: TOPOLOGY };

describe.skipIf(skipWithoutLab())("a primary in a pod, behind pgpool in a pod", () => {
  let server: BareServer;
  beforeAll(async () => {
    server = await startBareServer({ pods: true });
    await startPostgres(server, "wrong");
  }, 600_000);
  afterAll(() => server[Symbol.asyncDispose]());

  const uids = (): Promise<string> =>
    server.kubectl(
      "-n",
      "db",
      "get",
      "pods",
      "-l",
      "app=pg",
      "-o",
      "jsonpath={.items[*].metadata.uid}",
    );
  const isStandby = async (pod: string): Promise<boolean> =>
    (await sql(server, pod, "select pg_is_in_recovery()")).trim() === "t";

  test("with the wrong password in the Secret SELECT 1 passes and the drill does not, and nothing is killed", async () => {
    const before = await uids();
    expect((await sql(server, "deployment/pgpool", "select 1")).trim()).toBe("1");
    const ran = await runDrill(server, drillFile(GOOD));
    expect(ran.exitCode).toBe(12);
    expect(ran.said).toContain("nothing was killed");
    expect(ran.said).toContain("sr_check_password");
    expect(await uids()).toBe(before);
  }, 120_000);

  test("who only asks SELECT 1 before the kill finds out by an outage: nobody is promoted", async () => {
    const byName = '{resolve: pod, selector: "statefulset.kubernetes.io/pod-name=pg-0"}';
    const ran = await runDrill(
      server,
      drillFile({ steady: NAIVE, target: byName, window: "10s", after: NAIVE }),
      { row: "pods: pgpool, wrong password" },
    );
    expect(ran.exitCode).toBe(12);
    expect(ran.result).toMatchObject({ verdict: "failed", victim: "pod db/pg-0" });
    expect(ran.said).toContain("no recovery within the window");
    expect(await isStandby("pg-1")).toBe(true);
  }, 180_000);

  test("with the right password the standby is promoted, nothing is lost, and the old primary comes back as a standby", async () => {
    await setPassword(server, "right");
    await untilWell(server);
    const ran = await runDrill(server, drillFile(GOOD), {
      row: "pods: pgpool, primary's pod deleted",
    });
    expect(ran.result).toMatchObject({
      verdict: "passed",
      reasons: [],
      victim: "pod db/pg-0",
      old_primary: "pg-0:5432",
      new_primary: "pg-1:5432",
      lost_acked: 0,
    });
    expect(ran.exitCode).toBe(0);
    expect(Number(ran.result["acked"])).toBeGreaterThan(20);
    expect(await isStandby("pg-0")).toBe(true);
    expect(await isStandby("pg-1")).toBe(false);
  }, 600_000);

  test("a pod without the wanted label is not killed", async () => {
    const before = await uids();
    const ran = await runDrill(server, drillFile({ ...GOOD, label: "railiance.io/drill=other" }));
    expect(ran.exitCode).toBe(10);
    expect(ran.said).toContain("does not carry the label railiance.io/drill=other");
    expect(await uids()).toBe(before);
  }, 120_000);
});
