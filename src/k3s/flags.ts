/** The flags of `k3s server` as words on a command line. */

/** Short and second names of flags; K3s refuses both forms together (k3s-observed.md 8). */
export const FLAG_ALIASES: Readonly<Record<string, string>> = {
  d: "data-dir",
  t: "token",
  s: "server",
  c: "config",
  i: "node-ip",
  o: "write-kubeconfig",
  dir: "etcd-snapshot-dir",
  "snapshot-compress": "etcd-snapshot-compress",
  "snapshot-retention": "etcd-snapshot-retention",
};

export interface Flag {
  /** Long name, without dashes. */
  readonly name: string;
  /** Undefined for a bare flag. */
  readonly value: string | undefined;
}

/** Reads `--name value`, `--name=value`, `-x value` and bare `--name`; other words are skipped. */
export function parseFlags(words: readonly string[]): Flag[] {
  const flags: Flag[] = [];
  for (let index = 0; index < words.length; index += 1) {
    const match = /^--?([A-Za-z][\w-]*)(?:=(.*))?$/s.exec(words[index] ?? "");
    if (match === null) continue;
    let value = match[2];
    const next = words[index + 1];
    if (value === undefined && next !== undefined && !next.startsWith("-")) {
      value = next;
      index += 1;
    }
    flags.push({ name: FLAG_ALIASES[match[1] ?? ""] ?? match[1] ?? "", value });
  }
  return flags;
}

/** The words for flags, each `--name` or `--name=value`: long names never clash with the configuration file. */
export function flagWords(flags: readonly Flag[]): string[] {
  return flags.map(({ name, value }) => (value === undefined ? `--${name}` : `--${name}=${value}`));
}
