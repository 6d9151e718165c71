/** A server's folder as resets leave it, with real databases in it. */
import { mkdirSync, writeFileSync } from "node:fs";
import { testSettings } from "../../helpers/settings.ts";
import { snapshotBytes } from "../diff/support.ts";
import type { Settings } from "../../../src/k3s/settings.ts";
import type { FixtureName } from "../diff/support.ts";

/** Lays out `db/NAME` as etcd has it; without `content` it holds a log and no readable database. */
export function layEtcd(dataDir: string, name: string, content?: FixtureName): void {
  const member = `${dataDir}/server/db/${name}/member`;
  mkdirSync(`${member}/wal`, { recursive: true });
  mkdirSync(`${member}/snap`, { recursive: true });
  writeFileSync(`${member}/snap/db`, content === undefined ? "torn" : snapshotBytes(content));
}

/** What a reset leaves that moved nothing aside but a name. */
export function layRemains(dataDir: string, name: string): void {
  mkdirSync(`${dataDir}/server/db/${name}`, { recursive: true });
  writeFileSync(`${dataDir}/server/db/${name}/name`, "s1-aaaa");
}

export function put(path: string, content = ""): void {
  mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  writeFileSync(path, content);
}

export function settingsIn(dataDir: string, config: Record<string, string[]> = {}): Settings {
  return { ...testSettings({ config }), dataDir, configPath: `${dataDir}/config.yaml` };
}
