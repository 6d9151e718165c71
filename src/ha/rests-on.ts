/** What stands behind the result of a drill: a live cluster, or something that only resembles one. */
import { OperatorError } from "../errors.ts";
import { nodesOf } from "./cluster.ts";
import type { Cluster } from "./cluster.ts";
import type { KillSpec } from "./drill/kill-schema.ts";

/** How stand-ins name themselves: in the operating system of their nodes, and in `k3s --help`. */
const STAND_IN = /\bstand-in\b/i;

const LAB = "a stand-in for K3s";
const UNASKED = "a cluster that could not be asked what it is";

/**
 * Null for a live cluster; else a phrase to put behind "rests on". Live means
 * that a cluster answers, that neither its nodes nor the program call themselves
 * a stand-in, and that the drill did not merely signal a process of a pid file,
 * which no cluster and no systemd looks after. Throws only the reason of an
 * interrupting signal.
 */
export async function whatItRestsOn(
  kill: KillSpec,
  cluster: Cluster | undefined,
): Promise<string | null> {
  if (cluster === undefined) return withoutCluster(kill);
  const standIn = await isStandIn(cluster);
  if (standIn !== false) return standIn === true ? LAB : UNASKED;
  return kill.method === "process" ? "processes of this host, outside its cluster" : null;
}

function withoutCluster({ method }: KillSpec): string {
  if (method === "process") return "processes on this host, no cluster";
  return method === "server-off" ? "a server, no cluster" : "systemd services, no cluster";
}

/** Undefined: nobody can tell. */
async function isStandIn(cluster: Cluster): Promise<boolean | undefined> {
  try {
    // The nodes speak for the cluster that is asked, whichever program asks it.
    const nodes = await nodesOf(cluster);
    if (nodes.some(({ osImage }) => STAND_IN.test(osImage))) return true;
    const help = await cluster.host.run([cluster.server.k3s, "--help"], { timeout: 30_000 });
    if (STAND_IN.test(`${help.stdout}${help.stderr}`)) return true;
    return nodes.length > 0 && help.exitCode === 0 ? false : undefined;
  } catch (error) {
    cluster.host.signal.throwIfAborted();
    if (!(error instanceof OperatorError)) throw error;
    return undefined;
  }
}
