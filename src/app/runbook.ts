/** `RUNBOOK.md`: how to recover this very host by hand, with stock `age`, `zstd` and `tar`. */
import { TOKEN_ENTRY } from "../assets/token.ts";
import { UNIT } from "../k3s/unit.ts";
import { datastoreText } from "./runbook-datastore.ts";
import { joinOthers, stopOthers } from "./runbook-peers.ts";
import { shellWord, shellWords } from "./shell-quote.ts";
import type { EntryKind } from "../archive/entry-kind.ts";
import type { Entry, Manifest } from "../archive/manifest.ts";
import type { Settings } from "../k3s/settings.ts";

/** Kinds that go back to the place they came from. */
export const RESTORED_KINDS: readonly EntryKind[] = ["config", "manifest", "node-password", "unit"];

const WORK = "/root/railiance-restore";

/**
 * The text for one archive. `archive` is the path it is written to and `key`
 * the identity file this host has, both only defaults for the reader to change.
 * Every `sh` block is meant to be run as it stands, in order; a test does that.
 */
export function runbook(
  manifest: Omit<Manifest, "runbook" | "signature">,
  options: {
    readonly archive: string;
    readonly key: string | undefined;
    readonly settings: Settings;
  },
): string {
  const { host, cluster, k3s, datastore } = manifest;
  const text = datastoreText(manifest, { settings: options.settings, work: WORK });
  return `# Recovery of ${host.hostname} by hand

Cluster ${cluster.name} (CA ${cluster.id.slice(0, 12)}), server ${host.nodeName}, K3s ${k3s.version}, ${text.name},
${datastore.members.length} member(s), state of ${manifest.created}, revision ${datastore.revision}, ${datastore.keys} keys.

With the program itself: \`railiance-cluster restore --dir FOLDER\`. Without it, as root, on this host or a new
one, with stock age (1.1 or newer${manifest.recipients.some((recipient) => recipient.startsWith("age1pq1")) ? "; 1.3 or newer for this archive's post-quantum key" : ""}), zstd and tar, block by block; stop at the first that fails.
A new host needs K3s ${k3s.version} installed but **not started** (\`INSTALL_K3S_SKIP_START=true\`), best under the
same host name, and in the configuration the new address where the old one stands (${host.addresses.join(", ") || "none"}).

## 1. Open the archive

\`\`\`sh
ARCHIVE=\${ARCHIVE:-${shellWord(options.archive)}}
KEY=\${KEY:-${shellWord(options.key ?? "/root/.config/sops/age/keys.txt")}}
install -d -m 0700 ${WORK}
age -d -i "$KEY" "$ARCHIVE" | zstd -d | tar -x -C ${WORK}
cd ${WORK}
\`\`\`

## 2. Check it

${text.check}

## 3. Stop K3s and move aside what is there

${stopOthers(manifest)}Nothing is deleted. **Do not start K3s before the end of block 6**: without its database it comes up empty.
The manifests go aside too, for K3s would apply to the restored cluster what the archive does not have; block 4 brings back the others.

\`\`\`sh
systemctl stop ${UNIT} || true
ASIDE=${shellWord(`${host.dataDir}/server`)}/before-$(date -u +%Y%m%dT%H%M%SZ)
install -d -m 0700 ${shellWord(`${host.dataDir}/server/db`)} "$ASIDE"
cd ${shellWord(`${host.dataDir}/server`)}
for item in db/etcd db/state.db db/state.db-wal db/state.db-shm tls cred token agent-token node-token manifests; do
  if [ -e "$item" ] || [ -L "$item" ]; then mv "$item" "$ASIDE/"; fi
done
cd ${WORK}
\`\`\`

## 4. Put the files back

\`\`\`sh
${putBack(manifest.entries)}
systemctl daemon-reload
\`\`\`

## 5. The token

${text.token}

\`\`\`sh
install -m 0600 ${TOKEN_ENTRY} ${shellWord(`${host.dataDir}/server/token`)}
\`\`\`

## 6. ${text.title}

${text.place}

## 7. Start and look

\`\`\`sh
systemctl start --no-block ${UNIT}
for second in $(seq 120); do
  if ${shellWord(options.settings.k3s)} kubectl get --raw /readyz; then break; fi
  sleep 1
done
${shellWord(options.settings.k3s)} kubectl get nodes
${text.proof}
\`\`\`

${joinOthers(manifest, options.settings)}## After that

- Restart the agents and everything in the cluster that watches it (K3s does not raise revisions at a restore).
- A node that is refused with \`Node password rejected\`: \`k3s kubectl -n kube-system delete secret NODE.node-password.k3s\`.
- K3s that ends with \`FILE newer than datastore and could cause a cluster outage\`: \`mv FILE FILE.aside\`, then start it again.
- When all is well, remove the plaintext: \`rm -r ${WORK}\`.

Not in this archive: volumes (local-path data below \`${host.dataDir}/storage\`), databases, container images, K3s itself.
`;
}

function putBack(entries: readonly Entry[]): string {
  return entries
    .filter((entry) => entry.source !== undefined && RESTORED_KINDS.includes(entry.kind))
    .map((entry) => {
      const mode = entry.mode.toString(8).padStart(4, "0");
      return `install -D -m ${mode} -o ${entry.uid ?? 0} -g ${entry.gid ?? 0} ${shellWords([entry.path, entry.source ?? ""])}`;
    })
    .join("\n");
}
