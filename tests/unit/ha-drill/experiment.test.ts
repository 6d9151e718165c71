/** The experiment around a service that lives in this process: what counts as killed, as back, and what is put back. */
import { describe, expect, test } from "bun:test";
import { OperatorError } from "../../../src/errors.ts";
import { runExperiment } from "../../../src/ha/drill/experiment.ts";
import { drillWith } from "./support.ts";
import type { Observed } from "../../../src/ha/drill/experiment.ts";
import type { Victim } from "../../../src/ha/kill/kill.ts";
import type { Probe } from "../../../src/ha/probes/probe.ts";

/** Answers while it is up; `held` connections break when it goes. */
class Service {
  up = true;
  killed = 0;
  readonly written = new Set<number>();

  probe(holds = true): Probe {
    return {
      writes: true,
      holds,
      interval: 5,
      timeout: 50,
      prepare: () => Promise.resolve(),
      open: () => {
        const born = this.killed;
        return Promise.resolve({
          attempt: (sequence: number) => {
            if (!this.up || born !== this.killed) return Promise.reject(new Error("away"));
            this.written.add(sequence);
            return Promise.resolve();
          },
          [Symbol.asyncDispose]: () => Promise.resolve(),
        });
      },
      present: () => Promise.resolve(this.written),
      clear: () => Promise.resolve(),
    };
  }

  /** Away for `away` ms; for ever without. */
  victim(away?: number): Victim {
    return {
      text: "the service",
      labels: {},
      kill: () => {
        this.up = false;
        this.killed += 1;
        if (away !== undefined) setTimeout(() => (this.up = true), away);
        return Promise.resolve();
      },
      putBack: () => Promise.resolve(),
    };
  }
}

const NOBODY = { name: "s1", host: "s1", port: undefined };

async function experiment(input: {
  readonly service: Service;
  readonly victim: Victim;
  readonly window?: string;
  readonly signal?: AbortSignal;
}) {
  const seen: Observed = { attempts: [], target: undefined, killed: undefined, taken: false };
  const started = performance.now();
  const recovery = { window: input.window ?? "10s", consecutive: 3, primaryChanges: false };
  const work = runExperiment({
    drill: drillWith({ baseline: "100ms", recovery }),
    probe: input.service.probe(),
    cluster: undefined,
    signal: input.signal ?? new AbortController().signal,
    clock: () => performance.now() - started,
    say: () => undefined,
    choose: () => Promise.resolve({ primary: NOBODY, victim: input.victim }),
    seen,
  });
  let error: unknown;
  try {
    await work;
  } catch (thrown) {
    error = thrown;
  }
  return { seen, error };
}

describe("an experiment", () => {
  test("sees service go and come back, on fresh connections and on the held one", async () => {
    const service = new Service();
    const { seen } = await experiment({ service, victim: service.victim(60) });
    expect(seen.killed?.recovered).toBe(true);
    const failed = seen.attempts.filter(({ error }) => error !== undefined);
    expect([...new Set(failed.map(({ stream }) => stream))].sort()).toEqual(["fresh", "held"]);
    expect(new Set(seen.attempts.map(({ sequence }) => sequence)).size).toBe(seen.attempts.length);
  });

  test("ends with its window when service stays away", async () => {
    const service = new Service();
    const { seen } = await experiment({ service, victim: service.victim(), window: "200ms" });
    expect(seen.killed).toMatchObject({ recovered: false });
  });

  test("kills nothing when service is not there before", async () => {
    const service = new Service();
    service.up = false;
    const { seen } = await experiment({ service, victim: service.victim() });
    expect({ killed: seen.killed, taken: seen.taken, times: service.killed }).toEqual({
      killed: undefined,
      taken: false,
      times: 0,
    });
  });

  test("does not take the victim's last answers for a recovery", async () => {
    const service = new Service();
    const plain = service.victim(60);
    let looks = 0;
    // As a process that ends slowly: it serves on, and goes at the third look.
    const victim: Victim = {
      ...plain,
      kill: () => Promise.resolve(),
      gone: async () => {
        looks += 1;
        if (looks === 3) await plain.kill();
        return looks >= 3;
      },
    };
    const { seen } = await experiment({ service, victim });
    expect(seen.killed).toMatchObject({ gone: true, recovered: true });
    expect(seen.attempts.some(({ error }) => error !== undefined)).toBe(true);
  });

  test("knows that a victim lives on", async () => {
    const service = new Service();
    const victim: Victim = {
      ...service.victim(),
      kill: () => Promise.resolve(),
      gone: () => Promise.resolve(false),
    };
    const { seen } = await experiment({ service, victim, window: "200ms" });
    expect(seen.killed).toMatchObject({ gone: false });
  });

  test("whose kill fails says so, and leaves something to put back", async () => {
    const service = new Service();
    const refusal = new OperatorError("drillFailed", "KILL_FAILED", "it could not be killed");
    const victim: Victim = { ...service.victim(), kill: () => Promise.reject(refusal) };
    const { seen, error } = await experiment({ service, victim });
    expect(error).toBe(refusal);
    expect({ killed: seen.killed, taken: seen.taken }).toEqual({ killed: undefined, taken: true });
  });

  test("that a signal ends keeps what it has seen", async () => {
    const service = new Service();
    const stop = new AbortController();
    const plain = service.victim();
    const victim: Victim = {
      ...plain,
      kill: async () => {
        await plain.kill();
        setTimeout(() => stop.abort(new OperatorError("terminated", "INTERRUPTED", "stopped")), 50);
      },
    };
    const { seen, error } = await experiment({ service, victim, signal: stop.signal });
    expect(error).toMatchObject({ code: "INTERRUPTED" });
    expect(seen.killed).toMatchObject({ recovered: false });
    expect(seen.attempts.length).toBeGreaterThan(0);
  });
});
