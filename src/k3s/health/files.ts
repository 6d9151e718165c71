/** What lies in K3s's folder once it runs: the restored datastore and the restored keys, not new ones. */
import { createHash } from "node:crypto";
import { linkStatOf, readTextIfPresent, statOf } from "../../sys/files.ts";
import type { HealthCheck, HealthExpectation } from "./types.ts";

/** An empty cluster on the other datastore is ready too (k3s-observed.md 13): the restored one must be what runs. */
export async function checkDatastore(expected: HealthExpectation): Promise<HealthCheck> {
  const id = "datastore";
  const db = `${expected.settings.dataDir}/server/db`;
  const hasEtcd = (await statOf(`${db}/etcd/member/wal`))?.isDirectory() === true;
  const hasDatabase = (await linkStatOf(`${db}/state.db`)) !== undefined;
  if (expected.datastore === "sqlite") {
    return hasDatabase && !hasEtcd
      ? { id, passed: true, detail: "SQLite" }
      : {
          id,
          passed: false,
          detail: hasEtcd
            ? "K3s runs on an etcd of its own instead of the restored SQLite database (cluster-init in its configuration?)"
            : "K3s does not run on the restored SQLite database",
        };
  }
  if (!hasEtcd) return { id, passed: false, detail: "K3s does not run on the restored etcd" };
  if (hasDatabase) {
    return { id, passed: false, detail: "K3s made a new SQLite database beside the restored etcd" };
  }
  return { id, passed: true, detail: "embedded etcd" };
}

/** The CA that runs is the one in the snapshot: else no client and no node of before is let in. */
export async function checkAuthority({
  settings,
  serverCa,
}: HealthExpectation): Promise<HealthCheck> {
  const now = await readTextIfPresent(`${settings.dataDir}/server/tls/server-ca.crt`);
  const passed = now !== undefined && digest(now) === digest(serverCa);
  return {
    id: "authority",
    passed,
    detail: passed ? "same CA" : "the server CA is not the one of the backup",
  };
}

function digest(text: string): string {
  return createHash("sha256").update(text.trim()).digest("hex");
}
