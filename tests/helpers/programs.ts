/** Small real programs in the place of k3s and systemctl. */
import { mkdirSync, writeFileSync } from "node:fs";
import { withFolder } from "./folder.ts";
import { testHost } from "./host.ts";
import { testSettings } from "./settings.ts";
import type { Settings } from "../../src/k3s/settings.ts";
import type { Host } from "../../src/sys/host.ts";

/** A folder with programs of these texts, and a host that finds nothing but them and the system's. */
export async function withPrograms<T>(
  programs: Readonly<Record<string, string>>,
  action: (at: { readonly folder: string; readonly host: Host }) => Promise<T>,
): Promise<T> {
  return withFolder((folder) => {
    mkdirSync(`${folder}/bin`);
    for (const [name, text] of Object.entries(programs)) {
      writeFileSync(`${folder}/bin/${name}`, `#!/bin/bash\n${text}\n`, { mode: 0o755 });
    }
    return action({
      folder,
      host: testHost({ path: `${folder}/bin:${process.env["PATH"] ?? ""}` }),
    });
  });
}

/** Settings of a K3s whose program is among them. */
export function settingsIn(folder: string): Settings {
  return { ...testSettings({}), k3s: `${folder}/bin/k3s`, dataDir: `${folder}/data` };
}
