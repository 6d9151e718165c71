/** Sentences by which K3s says why it, or a node, does not come up, and what helps. */

/** K3s's own end of a start when files on disk are newer than the database (k3s-observed.md 3, 15). */
const NEWER =
  /((?:\/[^\s,"]+)(?:, \/[^\s,"]+)*) newer than datastore and could cause a cluster outage/;

/** The files that K3s says must go before it starts; empty when it says nothing of the kind. */
export function newerFilesIn(text: string): string[] {
  return NEWER.exec(text)?.[1]?.split(", ") ?? [];
}

/** As a node hears it (pkg/agent/config), and as the server writes it for the node (pkg/nodepassword). */
const REJECTED = /Node password rejected|unable to verify hash for node '([^']+)'/;

/**
 * The node whose password does not match the one the cluster keeps, by the last
 * of these lines that says so; undefined when none does. `own` is this server's
 * node: K3s does not name it when the refused one is its own.
 */
export function rejectedNode(lines: readonly string[], own: string): string | undefined {
  const match = REJECTED.exec(lines.findLast((line) => REJECTED.test(line)) ?? "");
  return match === null ? undefined : (match[1] ?? own);
}

/** The exact command that makes the cluster forget a node's password; the node's next start sets it anew. */
export function forgetNodePassword(k3s: string, node: string): string {
  return `${k3s} kubectl -n kube-system delete secret ${node}.node-password.k3s`;
}
