/** `/db/snapshot` on the supervisor, the schedule, and the ETCDSnapshotFile objects that mirror the folder. */
import type { ApiClient } from "./api.ts";
import { field, textField } from "./api.ts";
import { due } from "./cron.ts";
import { fault } from "./faults.ts";
import { FrontError, log, textOf } from "./log.ts";
import type { Settings } from "./settings.ts";
import { snapshotObject, snapshotsOf } from "./snapshots.ts";
import type { SnapshotFile } from "./snapshots.ts";
import { internalError } from "./supervisor.ts";
import type { Answer, Supervisor } from "./supervisor.ts";
import { tokenHash } from "./token.ts";
import type { Passwords } from "./users.ts";

const OBJECTS = "/apis/k3s.cattle.io/v1/etcdsnapshotfiles";

/** Serves snapshot requests; `api` may still be starting, then the objects wait for the next operation. */
export function serveSnapshots(
  settings: Settings,
  supervisor: Supervisor,
  options: { readonly api: ApiClient; readonly passwords: Passwords },
): { reconcile(): Promise<void>; startSchedule(): void } {
  const { api } = options;
  const snapshots = snapshotsOf(settings);
  const hash = tokenHash(options.passwords.server);
  const { flags } = settings;
  const mirror = (folder: string, made?: SnapshotFile): Promise<void> =>
    mirrorFolder(settings, api, { found: snapshots.list(folder), made, hash });
  const serve = async (body: unknown): Promise<unknown> => {
    const folder = textField(body, "dir");
    const names = asNames(field(body, "names"));
    switch (field(body, "operation")) {
      case "save": {
        const compress = field(body, "compress");
        const file = await snapshots.save({
          name: names[0] ?? "on-demand",
          folder,
          compress: typeof compress === "boolean" ? compress : flags.on("etcd-snapshot-compress"),
        });
        await mirror(folder, file);
        return { created: file.error === undefined ? [file.name] : [] };
      }
      case "list":
        return { files: snapshots.list(folder) };
      case "delete": {
        if (fault("delete-fails") !== undefined) throw new FrontError("ordered by the lab");
        const deleted = snapshots.remove(folder, names);
        await mirror(folder);
        return { deleted };
      }
      case "prune": {
        const keep = Number(field(body, "retention") ?? 5);
        const deleted = snapshots.prune(folder, { prefix: names[0] ?? "on-demand", keep });
        await mirror(folder);
        return { deleted };
      }
      default:
        throw new FrontError("unknown operation");
    }
  };
  supervisor.handle("/db/snapshot", async (body): Promise<Answer> => {
    try {
      return { status: 200, body: await serve(body) };
    } catch (error) {
      return internalError("etcd-snapshot", error);
    }
  });
  const scheduled = async (): Promise<void> => {
    const folder = flags.text("etcd-snapshot-dir");
    const name = flags.text("etcd-snapshot-name");
    await serve({ operation: "save", names: [name], dir: folder });
    await serve({
      operation: "prune",
      names: [name],
      dir: folder,
      retention: flags.text("etcd-snapshot-retention"),
    });
  };
  return {
    reconcile: () => mirror(flags.text("etcd-snapshot-dir")),
    startSchedule() {
      if (flags.on("etcd-disable-snapshots")) return;
      const isDue = due(flags.text("etcd-snapshot-schedule-cron"));
      setInterval(() => {
        if (isDue(new Date())) scheduled().catch((error: unknown) => log.error(textOf(error)));
      }, 1000);
    },
  };
}

function asNames(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

/**
 * Makes this node's objects those of the folder just used: files gone from it,
 * or lying in another folder, lose their object (k3s-observed.md 11). Objects
 * of failed saves stay.
 */
async function mirrorFolder(
  settings: Settings,
  api: ApiClient,
  state: {
    readonly found: readonly SnapshotFile[];
    readonly made: SnapshotFile | undefined;
    readonly hash: string;
  },
): Promise<void> {
  try {
    const label = encodeURIComponent(
      `etcd.k3s.cattle.io/snapshot-storage-node=${settings.nodeName}`,
    );
    const { status, body } = await api.request("GET", `${OBJECTS}?labelSelector=${label}`);
    if (status !== 200) return;
    const items = field(body, "items");
    const existing = new Map(
      (Array.isArray(items) ? items : []).map((item: unknown) => [
        String(field(item, "metadata", "name")),
        item,
      ]),
    );
    const wanted = new Set<string>();
    const failed = state.made?.error === undefined ? [] : [state.made];
    for (const file of [...state.found, ...failed]) {
      const fresh = file.name === state.made?.name;
      const object = snapshotObject(file, {
        hashed: true,
        ...(fresh ? { tokenHash: state.hash } : {}),
      });
      wanted.add(object.metadata.name);
      if (!existing.has(object.metadata.name)) await api.request("POST", OBJECTS, object);
    }
    for (const [name, item] of existing) {
      if (wanted.has(name) || field(item, "status", "readyToUse") === false) continue;
      await api.request("DELETE", `${OBJECTS}/${name}`);
    }
  } catch (error) {
    log.warning(`Failed to reconcile ETCDSnapshotFile resources: ${textOf(error)}`);
  }
}
