/** A restore by hand, laid out in a folder: the names K3s gives, the token, and the verdict on it. */
import { truth } from "../diff/support.ts";
import { put } from "./support.ts";

export const FIRST = "etcd-old-1795400000";

export const SECOND = "etcd-old-1795400100";

export const password = truth()
  .token.replace(/^K10.*?::server:/, "")
  .trim();

/** Lays out the password file that K3s keeps of the token. */
export function giveToken(folder: string): void {
  put(`${folder}/server/cred/passwd`, `${password},server,server,k3s:server\n`);
}
