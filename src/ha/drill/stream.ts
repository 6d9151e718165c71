/** The client of a drill: attempts at a steady pace, on fresh connections and on one that is held. */
import { pause } from "../../sys/pause.ts";
import { kindOfError } from "../probes/probe.ts";
import type { Probe, ProbeSession } from "../probes/probe.ts";
import type { Attempt } from "./attempts.ts";

export interface StreamClock {
  /** Milliseconds since the probe began. */
  now(): number;
}

/** Keeps probing until `signal` aborts; every attempt is handed to `seen` when it ended. Never throws. */
export async function runStream(
  probe: Probe,
  options: {
    readonly stream: Attempt["stream"];
    readonly clock: StreamClock;
    readonly signal: AbortSignal;
    /** The next number of all streams together, so that each write is told from every other. */
    readonly next: () => number;
    readonly seen: (attempt: Attempt) => void;
  },
): Promise<void> {
  const { stream, clock, signal } = options;
  let held: ProbeSession | undefined;
  while (!signal.aborted) {
    const began = clock.now();
    const sequence = options.next();
    let error: string | undefined;
    try {
      held ??= await probe.open();
      await held.attempt(sequence);
    } catch (cause) {
      error = kindOfError(cause);
    }
    const ended = clock.now();
    // A connection that failed is not used again: a real client would not either.
    if (stream === "fresh" || error !== undefined) {
      await closeQuietly(held);
      held = undefined;
    }
    options.seen({ sequence, stream, began, ended, error });
    try {
      await pause(Math.max(1, probe.interval - (clock.now() - began)), signal);
    } catch {
      break;
    }
  }
  await closeQuietly(held);
}

async function closeQuietly(session: ProbeSession | undefined): Promise<void> {
  try {
    await session?.[Symbol.asyncDispose]();
  } catch {
    // It is gone already.
  }
}
