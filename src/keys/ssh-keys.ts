/** SSH keys that SOPS would use and we cannot: named, so that nobody counts on them. */
import { join } from "node:path";
import { statOf } from "../sys/files.ts";
import { NATIVE_KEY_HINT } from "./identity-lines.ts";
import { shownPath } from "./key-file.ts";
import type { KeyProblem } from "./found.ts";
import type { Host } from "../sys/host.ts";

/**
 * One problem for each SSH key that SOPS would load: a warning for one that
 * somebody named in a variable, a note for one that just lies in `~/.ssh`
 * (SOPS always loads both of those). Nothing of the keys is read.
 */
export async function sshKeyProblems(host: Host, home: string | undefined): Promise<KeyProblem[]> {
  const problems: KeyProblem[] = [];
  const file = host.env["SOPS_AGE_SSH_PRIVATE_KEY_FILE"];
  if (file !== undefined && file !== "") {
    problems.push(unsupported("warning", `SOPS_AGE_SSH_PRIVATE_KEY_FILE (${shownPath(file)})`));
  }
  const command = host.env["SOPS_AGE_SSH_PRIVATE_KEY_CMD"];
  if (command !== undefined && command !== "") {
    problems.push(unsupported("warning", "SOPS_AGE_SSH_PRIVATE_KEY_CMD"));
  }
  if (home === undefined) return problems;
  for (const name of ["id_ed25519", "id_rsa"]) {
    const path = join(home, ".ssh", name);
    const there = await statOf(path).catch(() => undefined); // a home we may not look into holds nothing for us
    if (there !== undefined) problems.push(unsupported("note", path));
  }
  return problems;
}

function unsupported(level: KeyProblem["level"], source: string): KeyProblem {
  return {
    level,
    code: "SSH_KEY_UNSUPPORTED",
    source,
    message: `${source} is an SSH key, which SOPS could use but this program cannot`,
    hint: NATIVE_KEY_HINT,
  };
}
