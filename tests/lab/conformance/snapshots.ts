/** `k3s etcd-snapshot` on a running server, for the rows of k3s-observed.md about it. */
import type { BareServer, CommandResult } from "../server.ts";

export const FOLDER = "/var/lib/rancher/k3s/server/db/snapshots";

/** How a save ends that the server refuses for a reason it keeps to itself. */
export const ERROR_ID =
  /level=fatal msg="Error: see server log for details: Internal error occurred: etcd-snapshot error ID \d{5}"\n$/;

/** Without the configuration's warnings (9.5) unless `how` has an environment for them. */
export function etcdSnapshot(
  server: BareServer,
  args: string,
  how: { readonly env?: Readonly<Record<string, string>>; readonly user?: string } = {},
): Promise<CommandResult> {
  const env = { K3S_CONFIG_FILE: "/dev/null", ...how.env };
  return server.run(`k3s etcd-snapshot ${args}`, { ...how, env });
}

export async function filesIn(server: BareServer, folder = FOLDER): Promise<string[]> {
  const { stdout } = await server.run(`ls -A ${folder}`);
  return stdout.split("\n").filter((name) => name !== "");
}

/** No snapshot, and an empty /scratch. */
export function clear(server: BareServer): Promise<string> {
  return server.must(`rm -rf ${FOLDER}/* /scratch; mkdir -p /scratch`);
}
