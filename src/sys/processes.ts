/** The processes of this host, and ending one that is known to be ours. */
import { systemCode } from "../errors.ts";
import { linkTarget, namesIn, readTextIfPresent } from "./files.ts";

export interface HostProcess {
  readonly pid: number;
  /** Its command line, words separated by one space; empty for kernel threads. */
  readonly command: string;
}

/**
 * The processes that share this process's network: those of containers have
 * their own and do not count. One that ends meanwhile is left out.
 */
export async function hostProcesses(): Promise<HostProcess[]> {
  const own = await networkOf("self");
  const found: HostProcess[] = [];
  for (const name of await namesIn("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const one = await processWith(Number(name));
    if (one !== undefined && (await networkOf(name)) === own) found.push(one);
  }
  return found;
}

/** What runs under this number; undefined when nothing does, or only its remains wait for their parent. */
export async function processWith(pid: number): Promise<HostProcess | undefined> {
  const text = await readProc(`/proc/${pid}/cmdline`);
  if (text === undefined || text === "") return undefined;
  return { pid, command: text.replace(/\0+/g, " ").trim() };
}

/**
 * The kernel's letter for what a process does (proc_pid_stat(5): R, S, T stopped, Z ended and not yet
 * waited for), and when it began, in clock ticks as text; undefined when there is none.
 */
export async function processState(
  pid: number,
): Promise<{ readonly state: string; readonly began: string } | undefined> {
  const text = await readProc(`/proc/${pid}/stat`);
  // The name stands in parentheses and may hold anything; fields count from after the last one.
  const fields = text?.slice(text.lastIndexOf(")") + 2).split(" ") ?? [];
  const [state, began] = [fields[0], fields[19]];
  return state === undefined || began === undefined ? undefined : { state, began };
}

/** Signals the group that a process leads; gone already is no error. */
export function signalGroup(pid: number, signal: "SIGTERM" | "SIGKILL"): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if (systemCode(error) !== "ESRCH") throw error;
  }
}

/** Signals one process. Throws the system's error (`ESRCH` when it is gone). */
export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  process.kill(pid, signal);
}

async function networkOf(pid: string): Promise<string | undefined> {
  try {
    return await linkTarget(`/proc/${pid}/ns/net`);
  } catch {
    return undefined; // ended meanwhile
  }
}

/** A process that ends while its file is read gives ESRCH. */
async function readProc(path: string): Promise<string | undefined> {
  try {
    return await readTextIfPresent(path);
  } catch (error) {
    if (systemCode(error) === "ESRCH") return undefined;
    throw error;
  }
}
