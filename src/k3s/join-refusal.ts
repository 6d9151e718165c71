/** Why K3s did not join another server, from its own log. */

export interface JoinRefusal {
  /** A clause without final stop. */
  readonly message: string;
  readonly hint: string;
}

const MISMATCHED = /critical configuration mismatched: ([\w.,[\] -]+?)"?\s*$/;

/** Reads the lines K3s wrote last; undefined when it was not refused, or not in words that are known. */
export function joinRefusal(lines: readonly string[]): JoinRefusal | undefined {
  const said = (text: string): boolean => lines.some((line) => line.includes(text));
  if (said("failed to validate server configuration")) {
    const names = new Set(lines.flatMap((line) => MISMATCHED.exec(line)?.[1] ?? []));
    const which = names.size === 0 ? "settings" : [...names].join(", ");
    return {
      message: `K3s was refused because ${which} ${names.size === 1 ? "differs" : "differ"} between this server and the restored one, and must be the same on every server`,
      hint: `make ${which} in this server's configuration the same as there`,
    };
  }
  if (said("failed to bootstrap cluster data: not authorized")) {
    return {
      message: "K3s was refused because its token is not that of the restored server",
      hint: "name a file with the right one as token-file: in this server's configuration",
    };
  }
  if (said("newer than datastore and could cause a cluster outage")) {
    const files = lines.map((line) => /"(?:Error: )?([^"]*) newer than datastore/.exec(line)?.[1]);
    const file = files.findLast((one) => one !== undefined) ?? "files of it below server/";
    return {
      message: `K3s does not start because ${file} is newer than in the restored data`,
      hint: "move that file aside",
    };
  }
  return undefined;
}
