/** The command line that puts a database back that a failed reset moved aside. */
import { linkStatOf, readBytesIfPresent } from "../sys/files.ts";
import { shellWord } from "./shell-quote.ts";
import type { AttemptFacts, Candidate } from "./attempt-facts.ts";
import type { Settings } from "../k3s/settings.ts";

/** Where the right token waits for the one start that needs it: in memory, gone with the next boot. */
const TOKEN_FOLDER = "/run/railiance-way-back";

export interface WayBack {
  /** One line for a shell, run as root; nothing is deleted but our own helper files. */
  readonly command: string;
  /** It takes the token out of the newest archive, because nothing on this host opens the database. */
  readonly needsArchive: boolean;
}

/**
 * Stops K3s, moves aside what stands in the way (k3s-observed.md 13), moves the database
 * back and starts. Keys that the reset replaced, and a `cred/passwd` that the wrong token was
 * written to, are put right too (3, 4).
 */
export async function wayBack(
  facts: AttemptFacts,
  real: Candidate,
  options: { readonly settings: Settings; readonly stamp: string },
): Promise<WayBack> {
  const { path: server, db } = facts.folder;
  const aside = `${db}/aside-${options.stamp}`;
  const names = ["etcd", "reset-flag", "state.db", "state.db-*"].map((name) => `-name '${name}'`);
  const lines = [
    "systemctl stop k3s",
    `mkdir -m 0700 ${shellWord(aside)}`,
    // Logs of SQLite come and go with K3s: whatever is there when it has stopped.
    `find ${shellWord(db)} -maxdepth 1 '(' ${names.join(" -o ")} ')' -exec mv -t ${shellWord(aside)} {} +`,
    `mv ${shellWord(real.old.path)} ${shellWord(`${db}/etcd`)}`,
  ];
  const tls = await replacedKeys(facts, real);
  if (tls !== undefined) {
    lines.push(`mv ${shellWord(`${server}/tls`)} ${shellWord(`${aside}/tls`)}`);
    lines.push(`mv ${shellWord(tls)} ${shellWord(`${server}/tls`)}`);
  }
  const opens = real.trace?.tokenHashes ?? [];
  const fits = (hash: string | undefined): boolean =>
    opens.length === 0 || (hash !== undefined && opens.includes(hash));
  const needsArchive = !fits(facts.configured ?? facts.passwd) && !fits(facts.passwd);
  const passwd = `${server}/cred/passwd`;
  if (!fits(facts.passwd) && (await linkStatOf(passwd)) !== undefined) {
    lines.push(`mv ${shellWord(passwd)} ${shellWord(`${aside}/passwd`)}`);
  }
  if (!needsArchive)
    return { command: [...lines, "systemctl start k3s"].join(" && "), needsArchive };
  const dropIn = shellWord(`${options.settings.configPath}.d/zz-way-back.yaml`);
  const folder = shellWord(`${options.settings.configPath}.d`);
  return {
    command: [
      `railiance-cluster extract k3s/token -o ${TOKEN_FOLDER}`,
      ...lines,
      `mkdir -p ${folder}`,
      `echo 'token-file: ${TOKEN_FOLDER}/k3s/token' > ${dropIn}`,
      "systemctl start k3s",
      `rm -r ${dropIn} ${TOKEN_FOLDER}`, // K3s keeps it in cred/passwd from now on
    ].join(" && "),
    needsArchive,
  };
}

/** The `tls-…` with the keys from before the reset, when the ones in place are others. */
async function replacedKeys(facts: AttemptFacts, real: Candidate): Promise<string | undefined> {
  const copy = facts.folder.tlsOld.find(({ moved }) => moved >= real.old.moved);
  if (copy === undefined) return undefined;
  for (const name of ["server-ca.crt", "client-ca.crt", "etcd/peer-ca.crt", "etcd/server-ca.crt"]) {
    const [before, now] = [
      await readBytesIfPresent(`${copy.path}/${name}`),
      await readBytesIfPresent(`${facts.folder.path}/tls/${name}`),
    ];
    if (before !== undefined && (now === undefined || !sameBytes(before, now))) return copy.path;
  }
  return undefined;
}

function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}
