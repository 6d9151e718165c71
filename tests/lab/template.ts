/**
 * A cluster that was started once and stopped cleanly, kept as files, so that a
 * test has a running one after one start instead of a first start.
 */
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { must, startTime } from "./command.ts";
import { createMachine } from "./machine.ts";
import type { MachineOptions } from "./machine.ts";
import { BIN, k3sBinary, TEMPLATES } from "./places.ts";

/** Made by the controllers in each namespace, in their own time: a state noted before would lack them. */
export const OWN_OBJECTS = "serviceaccount/default configmap/kube-root-ca.crt";

/** The folder to lay over a server's root; made at the first call, which takes some seconds more. */
export async function templateFor(
  options: MachineOptions,
  datastore: "etcd" | "sqlite",
): Promise<string> {
  const folder = `${TEMPLATES}/${keyOf(options, datastore)}`;
  if (existsSync(folder)) return folder;
  mkdirSync(TEMPLATES, { recursive: true });
  using _lock = await lock(`${folder}.lock`);
  if (!existsSync(folder))
    await make(
      folder,
      { ...options, executable: undefined, disk: "memory", pods: false },
      datastore,
    );
  return folder;
}

function keyOf(options: MachineOptions, datastore: string): string {
  const programs = [`${BIN}/parts`, k3sBinary()].map((path) => {
    const { size, mtimeMs } = statSync(path);
    return `${path} ${size} ${mtimeMs}`;
  });
  const text = [datastore, options.name, options.address, OWN_OBJECTS, ...programs].join("\n");
  return `${datastore}-${createHash("sha256").update(text).digest("hex").slice(0, 12)}`;
}

async function make(
  folder: string,
  options: MachineOptions,
  datastore: "etcd" | "sqlite",
): Promise<void> {
  removeOld(datastore);
  const config = datastore === "etcd" ? "cluster-init: true\n" : "";
  await using machine = await createMachine({ ...options, config, enabled: false });
  await machine.boot();
  await machine.must(["systemctl", "start", "k3s"]);
  // Everything K3s makes by itself: what the controllers give each namespace, its own manifests.
  await machine.must(
    `made() {
       for namespace in default kube-node-lease kube-public kube-system; do
         k3s kubectl -n $namespace get ${OWN_OBJECTS} || return 1
       done
       k3s kubectl -n kube-system get addons.k3s.cattle.io traefik
     }
     for attempt in $(seq 200); do made >/dev/null 2>&1 && exit 0; sleep 0.2; done; exit 1`,
  );
  await machine.must(["systemctl", "stop", "k3s"]);
  const root = machine.root;
  const draft = `${folder}.draft`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft);
  await must([
    "sh",
    "-ec",
    `cd ${root} && cp -a --parents --sparse=always etc/rancher var/lib/rancher ${draft}/ && rm -f ${draft}/var/lib/rancher/k3s/server/kine.sock`,
  ]);
  renameSync(draft, folder);
}

/** Templates of older builds only take up room. */
function removeOld(datastore: string): void {
  const day = Date.now() - 24 * 3600 * 1000;
  for (const name of readdirSync(TEMPLATES)) {
    const path = `${TEMPLATES}/${name}`;
    if (name.startsWith(datastore) && !name.includes(".") && statSync(path).mtimeMs < day) {
      rmSync(path, { recursive: true, force: true });
    }
  }
}

/** Waits for a lock file of another process; one whose owner is gone does not count. */
async function lock(file: string): Promise<Disposable> {
  for (;;) {
    try {
      writeFileSync(file, `${process.pid} ${startTime(process.pid)}`, { flag: "wx" });
      return { [Symbol.dispose]: () => rmSync(file, { force: true }) };
    } catch {
      if (!heldByLiving(file)) rmSync(file, { force: true });
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

function heldByLiving(file: string): boolean {
  try {
    const [pid = "", started = ""] = readFileSync(file, "utf8").split(" ");
    return startTime(Number(pid)) === started;
  } catch {
    return false;
  }
}
