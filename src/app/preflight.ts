/** What has to hold before anything is read or changed. */
import { OperatorError } from "../errors.ts";
import { detectDatastore } from "../k3s/datastore-kind.ts";
import type { Host } from "../sys/host.ts";
import type { Settings } from "../k3s/settings.ts";
import type { SavableKind } from "./save-datastore.ts";

/** Throws an OperatorError `NOT_ROOT` for everyone but root. */
export function requireRoot(host: Host, doing: string): void {
  if (host.uid === 0) return;
  throw new OperatorError("precondition", "NOT_ROOT", `${doing} needs root`, {
    hint: "run this as root",
  });
}

/** The datastore of this host's K3s. Throws an OperatorError (exit 5) unless it is embedded etcd or SQLite. */
export async function requireDatastore(settings: Settings): Promise<SavableKind> {
  const datastore = await detectDatastore(settings);
  switch (datastore.kind) {
    case "etcd":
    case "sqlite":
      return datastore;
    case "external":
      throw new OperatorError(
        "precondition",
        "DATASTORE_EXTERNAL",
        `this K3s keeps its data in an external datastore (${datastore.driver})`,
        {
          hint: "save it with that database's own tools, and keep the server token beside it",
        },
      );
    case "tombstone":
      throw new OperatorError(
        "precondition",
        "DATASTORE_TOMBSTONE",
        `this server was removed from its etcd cluster (${datastore.path})`,
        {
          hint: "run the backup on a server that is a member of the cluster",
        },
      );
    case "none":
      throw new OperatorError(
        "precondition",
        "DATASTORE_MISSING",
        `K3s has no data on this host: ${datastore.reason}`,
        { hint: datastore.hint },
      );
  }
}
