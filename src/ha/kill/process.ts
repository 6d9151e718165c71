/** Ending or freezing a process of this host, by its pid file. */
import { OperatorError } from "../../errors.ts";
import { readTextIfPresent } from "../../sys/files.ts";
import { processState, signalProcess } from "../../sys/processes.ts";
import type { KillSpec } from "../drill/kill-schema.ts";
import type { Primary } from "../resolve/target.ts";
import type { Victim } from "./kill.ts";

const SIGNALS = { KILL: "SIGKILL", TERM: "SIGTERM", INT: "SIGINT", STOP: "SIGSTOP" } as const;

interface Running {
  readonly pid: number;
  /** When it began, in the kernel's ticks: a number that is used again begins anew. */
  readonly began: string;
}

export function processVictim(
  spec: Extract<KillSpec, { method: "process" }>,
  primary: Primary,
): Victim {
  const file = spec.pidFile
    .replaceAll("{name}", primary.name)
    .replaceAll("{host}", primary.host)
    .replaceAll("{port}", String(primary.port ?? ""));
  let killed: Running | undefined;
  const stateOf = async (one: Running): Promise<string | undefined> => {
    const now = await processState(one.pid);
    return now?.began === one.began ? now.state : undefined;
  };
  return {
    text: `the process of ${file}`,
    labels: {},
    byHand: `kill -CONT $(head -n 1 ${file})`,
    async kill() {
      const pid = Number((await readTextIfPresent(file))?.split("\n")[0]?.trim());
      const running = Number.isInteger(pid) && pid > 1 ? await processState(pid) : undefined;
      if (running === undefined || running.state === "Z") {
        throw new OperatorError(
          "drillFailed",
          "KILL_FAILED",
          `nothing was killed, for ${file} names no running process`,
          { hint: "start it, or correct kill.pidFile in the drill file" },
        );
      }
      killed = { pid, began: running.began };
      signalProcess(pid, SIGNALS[spec.signal]);
    },
    async gone() {
      const state = killed === undefined ? undefined : await stateOf(killed);
      // T: stopped by a signal; Z: ended, and its parent has not asked yet.
      return state === undefined || state === "Z" || (spec.signal === "STOP" && state === "T");
    },
    async putBack() {
      // What was ended is brought back by whoever looks after it; what was frozen nobody else thaws.
      if (spec.signal !== "STOP" || killed === undefined) return;
      if ((await stateOf(killed)) !== undefined) signalProcess(killed.pid, "SIGCONT");
    },
  };
}
