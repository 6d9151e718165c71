/** Settings of this host that a restore leaves in force: K3s reads them beside the archive's. */
import { GUARD_FILE } from "../k3s/guard.ts";
import type { SettingsFile } from "./fit-addresses.ts";

/**
 * Paths of configuration, unit and environment files that K3s will read here and the archive does
 * not have; without those that set nothing. They stay where they are: on a new host they may be
 * what makes K3s run there at all.
 */
export function ownSettings(files: readonly SettingsFile[]): string[] {
  return files
    .filter(({ path, restored, text }) => !restored && path !== GUARD_FILE && setsSomething(text))
    .map(({ path }) => path);
}

/** Comments, empty lines, a lone section header or YAML's `---` are no settings. */
function setsSomething(text: string): boolean {
  return text.split("\n").some((line) => !/^\s*([#;].*|\[\w+\]\s*|---\s*)?$/.test(line));
}
