/** What is left of a server that has burnt: its archive and the key, on a USB stick. */
import { expect } from "bun:test";
import { KEY_FILE, PROGRAM } from "./workload.ts";
import { startBareServer } from "../lab/server.ts";
import { DATA, authorityOf, hostWithBackup, makeBackup, objectsOf } from "./restore-host.ts";
import type { BareServer, BareServerOptions } from "../lab/server.ts";
import type { Backup } from "./restore-host.ts";

export const USB = "/media/usb";
export const FROM_USB = `--dir ${USB} -i ${USB}/key.txt`;

export interface Saved extends Backup {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly nodePassword: string;
}

/** Starts a server, runs `change` on it, and keeps what a backup made after that holds. */
export async function savedFrom(options: BareServerOptions, change = ""): Promise<Saved> {
  const { server, backup } = await hostWithBackup(options);
  await using _server = server;
  if (change === "") return await taken(server, backup);
  await server.must(change, { timeout: 90_000 });
  await server.must("rm -r /opt/backup");
  const archive = (await server.must(`${PROGRAM} backup -q`)).trim();
  return await taken(server, { ...backup, archive, objects: await objectsOf(server) });
}

/** Of a new cluster whose K3s gets flags that no file of the host keeps: `/run` is gone with the machine. */
export async function savedWithFlags(
  options: BareServerOptions,
  flags: string,
  dataDir = DATA,
): Promise<Saved> {
  await using server = await startBareServer({ helm: false, ...options, cluster: false });
  server.write(
    "/run/systemd/system/k3s.service.d/flags.conf",
    `[Service]\nExecStart=\nExecStart=/usr/local/bin/k3s server ${flags}\n`,
    0o644,
  );
  await server.must("systemctl daemon-reload");
  await server.startCluster();
  return await taken(server, await makeBackup(server, dataDir));
}

async function taken(server: BareServer, last: Backup): Promise<Saved> {
  return {
    ...last,
    name: last.archive.slice(last.archive.lastIndexOf("/") + 1),
    bytes: new Uint8Array(server.readBytes(last.archive)),
    nodePassword: server.read("/etc/rancher/node/password"),
  };
}

export function plugIn(host: BareServer, saved: Saved): void {
  host.write(`${USB}/${saved.name}`, saved.bytes);
  host.write(`${USB}/key.txt`, `${saved.secret}\n`);
}

/** Makes the host empty again but for systemd, K3s's program and ours. */
export async function wipeHost(host: BareServer, dataDir = DATA): Promise<void> {
  await host.run(
    `systemctl stop k3s; rm -rf ${dataDir} /etc/rancher /var/lib/railiance ${USB} ${KEY_FILE} /run/systemd/system/k3s.service.d; systemctl daemon-reload`,
  );
}

/** The cluster of the archive runs here, with its keys, objects and node password; also after another start. */
export async function expectBack(host: BareServer, saved: Saved, dataDir = DATA): Promise<void> {
  expect(await objectsOf(host)).toBe(saved.objects);
  expect(await authorityOf(host, dataDir)).toBe(saved.authority);
  expect(host.read("/etc/rancher/node/password")).toBe(saved.nodePassword);
  await host.must("systemctl restart k3s", { timeout: 60_000 });
  expect(await objectsOf(host)).toBe(saved.objects);
}
