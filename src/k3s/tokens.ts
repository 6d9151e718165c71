/** The server token of this host, from every place K3s keeps it. */
import { OperatorError } from "../errors.ts";
import { readTextIfPresent } from "../sys/files.ts";
import type { Settings } from "./settings.ts";

export interface TokenCandidate {
  /** As found, white space trimmed. */
  readonly token: string;
  /** Where, for messages. */
  readonly source: string;
}

/**
 * Every token this host has, best first: `server/token`, then the password in
 * `cred/passwd` (which decides at a reset, k3s-observed.md 3), then the
 * configuration. Throws an OperatorError `TOKEN_MISSING` when there is none.
 */
export async function findTokens(settings: Settings): Promise<TokenCandidate[]> {
  const server = `${settings.dataDir}/server`;
  const found: TokenCandidate[] = [];
  const add = (token: string | undefined, source: string): void => {
    const trimmed = token?.trim() ?? "";
    if (trimmed !== "" && !found.some((other) => other.token === trimmed)) {
      found.push({ token: trimmed, source });
    }
  };
  add(await readTextIfPresent(`${server}/token`), `${server}/token`);
  add(
    serverPassword((await readTextIfPresent(`${server}/cred/passwd`)) ?? ""),
    `${server}/cred/passwd`,
  );
  const file = settings.one("token-file");
  if (file !== undefined) add(await readTextIfPresent(file), file);
  add(settings.one("token"), "the K3s configuration");
  if (found.length === 0) {
    throw new OperatorError(
      "precondition",
      "TOKEN_MISSING",
      `there is no server token: ${server}/token is missing`,
      {
        hint: "a snapshot is useless without it; if K3s keeps its data elsewhere, give the folder with --data-dir",
      },
    );
  }
  return found;
}

/** The password of user `server` in K3s's `cred/passwd` (`password,user,uid,groups` lines). */
export function serverPassword(passwd: string): string | undefined {
  for (const line of passwd.split("\n")) {
    const [password, user] = line.split(",");
    if (user === "server") return password;
  }
  return undefined;
}
