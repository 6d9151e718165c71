/** The parts of RUNBOOK.md that depend on the kind of datastore. */
import { AGENT_TOKEN_ENTRY, TOKEN_ENTRY } from "../assets/token.ts";
import { DATABASE_ENTRY, ETCD_ENTRY } from "../assets/snapshot.ts";
import { resetCommand, resetEnvironment } from "../k3s/reset.ts";
import { namesAgentToken } from "./fit-pins.ts";
import { shellWord, shellWords } from "./shell-quote.ts";
import type { Entry, Manifest } from "../archive/manifest.ts";
import type { Settings } from "../k3s/settings.ts";

export interface DatastoreText {
  readonly name: string;
  /** Each the text of a section below its title. */
  readonly check: string;
  readonly token: string;
  readonly title: string;
  readonly place: string;
  /** A command that fails when K3s runs on another datastore. */
  readonly proof: string;
}

/** `work` is the folder the archive was unpacked to. */
export function datastoreText(
  manifest: Pick<Manifest, "datastore" | "entries" | "host">,
  options: { readonly settings: Settings; readonly work: string },
): DatastoreText {
  return manifest.datastore.kind === "sqlite" ? sqliteText(manifest) : etcdText(manifest, options);
}

function etcdText(
  manifest: Pick<Manifest, "entries" | "host">,
  options: { readonly settings: Settings; readonly work: string },
): DatastoreText {
  return {
    name: "embedded etcd",
    check: `The snapshot ends in the SHA-256 of all that stands before; both lines must be equal.

\`\`\`sh
head -c -32 ${ETCD_ENTRY} | sha256sum | cut -c1-64 > computed.txt
tail -c 32 ${ETCD_ENTRY} | od -An -v -tx1 | tr -d ' \\n' > recorded.txt
echo >> recorded.txt
cmp computed.txt recorded.txt
\`\`\``,
    token: "K3s overwrites `server/token` on a new host, so it also gets a copy of its own.",
    title: "Reset from the snapshot",
    place: `It ends by itself after some seconds, with exit 0 and \`restart without --cluster-reset flag now\` in its output.

\`\`\`sh
${reset(options.settings, { entries: manifest.entries, work: options.work })}
\`\`\``,
    proof: `test -d ${shellWord(`${manifest.host.dataDir}/server/db/etcd/member/wal`)}`,
  };
}

function sqliteText(manifest: Pick<Manifest, "entries" | "host">): DatastoreText {
  const db = `${manifest.host.dataDir}/server/db`;
  const sha256 = manifest.entries.find(({ path }) => path === DATABASE_ENTRY)?.sha256 ?? "";
  return {
    name: "SQLite",
    check: `The copy of the database must have the hash that it had on the server.

\`\`\`sh
echo ${shellWord(`${sha256}  ${DATABASE_ENTRY}`)} | sha256sum -c
\`\`\``,
    token: "Without it K3s cannot open the certificates and keys in its database.",
    title: "Put the database in place",
    place: `The database alone: a \`state.db-wal\` or \`state.db-shm\` of before must not stand beside it (block 3 moved them).

\`\`\`sh
test ! -e ${shellWord(`${db}/state.db-wal`)}
test ! -e ${shellWord(`${db}/etcd`)}
install -D -m 0600 ${DATABASE_ENTRY} ${shellWord(`${db}/state.db`)}
\`\`\``,
    proof: `test -f ${shellWord(`${db}/state.db-wal`)} && test ! -e ${shellWord(`${db}/etcd/member`)}`,
  };
}

function reset(
  settings: Settings,
  from: { readonly entries: readonly Entry[]; readonly work: string },
): string {
  const { entries, work } = from;
  const environment = Object.entries(resetEnvironment(settings)).map(
    ([name, value]) => `${name}=${shellWord(value)} `,
  );
  const hasAgentToken = entries.some(({ path }) => path === AGENT_TOKEN_ENTRY);
  const words = resetCommand(settings, {
    snapshot: `${work}/${ETCD_ENTRY}`,
    tokenFile: `${work}/${TOKEN_ENTRY}`,
    ...(hasAgentToken || namesAgentToken(settings)
      ? { agentTokenFile: `${work}/${hasAgentToken ? AGENT_TOKEN_ENTRY : TOKEN_ENTRY}` }
      : {}),
  });
  return `${environment.join("")}${shellWords(words)}`;
}
