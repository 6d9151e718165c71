/** `host:port` texts of drill files and smoke checks, and where their passwords are. */
import { OperatorError } from "../errors.ts";
import { readTextIfPresent } from "../sys/files.ts";
import { secretValue, serviceAddress } from "./cluster.ts";
import type { Cluster } from "./cluster.ts";
import type { PostgresAddress } from "../sys/postgres.ts";
import type { PasswordFrom } from "./drill/schema-parts.ts";

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** Splits `host:port`, `[::1]:port`. */
export function splitAddress(text: string): HostPort {
  const at = text.lastIndexOf(":");
  return { host: text.slice(0, at).replace(/^\[(.*)\]$/, "$1"), port: Number(text.slice(at + 1)) };
}

/** Looks up `SERVICE.NAMESPACE` where there is a cluster to ask. */
export async function reach(cluster: Cluster | undefined, text: string): Promise<HostPort> {
  const { host, port } = splitAddress(text);
  return { host: cluster === undefined ? host : await serviceAddress(cluster, host), port };
}

/** Throws an OperatorError: `PASSWORD_FILE_MISSING`, or what reading the Secret throws. */
export async function passwordOf(
  cluster: Cluster | undefined,
  from: PasswordFrom | undefined,
): Promise<string | undefined> {
  if (from === undefined) return undefined;
  if ("secret" in from) {
    if (cluster !== undefined) return await secretValue(cluster, from.secret);
    throw new OperatorError(
      "precondition",
      "NO_CLUSTER",
      "a password is in a Secret, and no cluster is at hand",
      {
        hint: "run this on a K3s server, or give the password in a file: passwordFrom: {file: PATH}",
      },
    );
  }
  const text = await readTextIfPresent(from.file);
  if (text !== undefined) return text.trim();
  throw new OperatorError(
    "precondition",
    "PASSWORD_FILE_MISSING",
    `there is no password file ${from.file}`,
    { hint: "write the password into it, readable by root alone, or correct passwordFrom" },
  );
}

export interface DatabaseSettings {
  readonly via: string;
  readonly user: string;
  readonly database: string;
  readonly passwordFrom?: PasswordFrom | undefined;
}

export async function databaseAddress(
  cluster: Cluster | undefined,
  settings: DatabaseSettings,
): Promise<PostgresAddress> {
  const { user, database } = settings;
  const where = await reach(cluster, settings.via);
  return { ...where, user, database, password: await passwordOf(cluster, settings.passwordFrom) };
}
