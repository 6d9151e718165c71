/** The machine this process really runs on. */
import { homedir, hostname } from "node:os";
import { runCommand } from "./exec.ts";
import type { Host } from "./host.ts";

/** What systemd and most shells give root; used when PATH is not set at all. */
const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Works with an empty environment too, as in a rescue shell or a bare unit. */
export function realHost(signal: AbortSignal): Host {
  const env = { ...process.env };
  const path = env["PATH"] === undefined || env["PATH"] === "" ? DEFAULT_PATH : env["PATH"];
  const home = homeOf(env["HOME"]);
  return {
    env,
    hostname: hostname(),
    uid: process.geteuid?.() ?? -1,
    signal,
    now: () => new Date(),
    monotonic: () => performance.now(),
    run: (command, options = {}) => runCommand(command, { signal, ...options, path, home }),
  };
}

function homeOf(home: string | undefined): string {
  if (home !== undefined && home !== "") return home;
  try {
    return homedir();
  } catch {
    return "/"; // a user id without an entry in passwd
  }
}
