/** The user's folders as SOPS finds them, and the variables it looks at. */
import { isAbsolute, join } from "node:path";
import { passwdHome } from "../sys/config-dir.ts";
import type { Host } from "../sys/host.ts";

export interface UserFolder {
  readonly path: string;
  /** What is unusual about how it was found, for people. */
  readonly note?: string;
}

/** A variable's value; empty counts as unset. */
export function valueOf(host: Host, name: string): string | undefined {
  const value = host.env[name];
  return value === "" ? undefined : value;
}

/** HOME, or the home folder in the user database when HOME is not set (`withoutEnvironment` replaces that look-up). */
export function homeOf(
  host: Host,
  withoutEnvironment: (() => string | undefined) | undefined,
): UserFolder | undefined {
  const home = valueOf(host, "HOME");
  if (home !== undefined) return { path: home };
  // cron and systemd start services without HOME; SOPS then looks nowhere.
  const path = (withoutEnvironment ?? passwdHome)();
  if (path === undefined) return undefined;
  return { path, note: "HOME is not set, so the user database was asked" };
}

/**
 * The user's configuration folder: as Go's os.UserConfigDir has it on Linux,
 * except that a relative XDG_CONFIG_HOME or a missing HOME does not end the search.
 */
export function configFolder(
  host: Host,
  withoutEnvironment: (() => string | undefined) | undefined,
): UserFolder | undefined {
  const xdg = valueOf(host, "XDG_CONFIG_HOME");
  if (xdg !== undefined && isAbsolute(xdg)) return { path: xdg };
  const home = homeOf(host, withoutEnvironment);
  if (home === undefined) return undefined;
  const notes: string[] = [];
  if (xdg !== undefined) notes.push("XDG_CONFIG_HOME is ignored: it is not an absolute path");
  if (home.note !== undefined) notes.push(home.note);
  const path = join(home.path, ".config");
  return notes.length === 0 ? { path } : { path, note: notes.join("; ") };
}
