/**
 * K3s join tokens, as pkg/clientaccess/token.go parses them: a bare password, or
 * `K10<hash of the server CA>::<user>:<password>`. The password is what encrypts the
 * bootstrap data and what names its key (facts k3s.md 2.2).
 */
import { createHash } from "node:crypto";
import { OperatorError } from "../errors.ts";

const PREFIX = "K10";
const CA_HASH_LENGTH = 64;
/** A kubeadm-style token joins agents only; K3s refuses it as a server token. */
const KUBEADM = /^[a-z0-9]{6}\.[a-z0-9]{16}$/;

/**
 * The password in a server or agent token, white space around it (a final line end)
 * removed as K3s does. Throws TOKEN_FORMAT for what K3s would not take either.
 */
export function tokenPassword(token: string): string {
  const trimmed = token.trim();
  if (trimmed === "") throw formatError("it is empty");
  if (KUBEADM.test(trimmed)) throw formatError("it is a bootstrap token, which only joins agents");
  if (!trimmed.startsWith(PREFIX)) return trimmed;
  const rest = trimmed.slice(PREFIX.length);
  const colons = rest.indexOf("::");
  if (colons > 0 && colons !== CA_HASH_LENGTH) {
    throw formatError(`it begins with K10, and ${colons} instead of 64 digits of hash follow`);
  }
  const credentials = colons < 0 ? rest : rest.slice(colons + 2);
  if (KUBEADM.test(credentials)) {
    throw formatError("it is a bootstrap token, which only joins agents");
  }
  const colon = credentials.indexOf(":");
  if (colon < 0 || colon === credentials.length - 1) throw formatError("it holds no password");
  return credentials.slice(colon + 1);
}

function formatError(what: string): OperatorError {
  return new OperatorError("precondition", "TOKEN_FORMAT", `the token cannot be used: ${what}`, {
    hint: "a K3s server token reads K10<hash>::server:<password>, or is the password alone; see /var/lib/rancher/k3s/server/token",
  });
}

/** The first 12 hex digits of the SHA-256 of a password: what K3s appends to `/bootstrap/`. Not a secret. */
export function tokenHash(password: string): string {
  return createHash("sha256").update(password).digest("hex").slice(0, 12);
}
