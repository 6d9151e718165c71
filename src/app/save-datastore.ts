/** The datastore of this server, saved and proven: an etcd snapshot through K3s, or a copy of its SQLite database. */
import { copyDatabase } from "./database-copy.ts";
import { takeSnapshot } from "./snapshot.ts";
import type { DatastoreKind } from "../k3s/datastore-kind.ts";
import type { Settings } from "../k3s/settings.ts";
import type { Stage } from "../sys/stage.ts";
import type { Context } from "./context.ts";
import type { ProvenDatabase } from "./database-copy.ts";
import type { ProvenSnapshot } from "./snapshot.ts";

/** The kinds of datastore that can be saved. */
export type SavableKind = Extract<DatastoreKind, { readonly kind: "etcd" | "sqlite" }>;

export type ProvenDatastore = (ProvenSnapshot & { readonly kind: "etcd" }) | ProvenDatabase;

/** Disposing removes what was saved. Throws what `takeSnapshot` or `copyDatabase` throw. */
export async function saveDatastore(
  context: Context,
  settings: Settings,
  options: { readonly datastore: SavableKind; readonly stage: Stage },
): Promise<ProvenDatastore> {
  const { datastore, stage } = options;
  if (datastore.kind === "sqlite") return copyDatabase(context, settings, datastore.path);
  return { ...(await takeSnapshot(context, settings, stage)), kind: "etcd" };
}
