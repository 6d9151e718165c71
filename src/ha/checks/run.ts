/** Running a check by its kind, with its time-out; whatever goes wrong is an outcome, never an exception. */
import { OperatorError, messageOf } from "../../errors.ts";
import { pause } from "../../sys/pause.ts";
import { databaseAddress, passwordOf, reach } from "../addresses.ts";
import { kindOfError } from "../probes/probe.ts";
import {
  checkEndpoints,
  checkEtcd,
  checkHttp,
  checkNodes,
  checkReadyz,
  needCluster,
} from "./cluster.ts";
import { bad } from "./outcome.ts";
import { checkPatroni } from "./patroni.ts";
import { checkPgbouncer, checkPgpool, checkPostgres } from "./postgres.ts";
import { checkSentinel } from "./redis.ts";
import type { Cluster } from "../cluster.ts";
import type { CheckSpec } from "../drill/check-schema.ts";
import type { CheckOutcome } from "./outcome.ts";

export interface CheckContext {
  readonly cluster: Cluster | undefined;
  readonly signal: AbortSignal;
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
}

/** Longest single try: what is tried again must not hang in the first try. */
const TRY = 5_000;
const PAUSE = 250;

/** Runs it once. Only the signal's reason is thrown. */
export async function runCheck(spec: CheckSpec, context: CheckContext): Promise<CheckOutcome> {
  try {
    return await checkOnce(spec, context);
  } catch (error) {
    context.signal.throwIfAborted();
    if (error instanceof OperatorError) return bad(error.message, error.hint);
    return bad(
      `no answer (${kindOfError(error)}${error instanceof TypeError ? `: ${messageOf(error)}` : ""})`,
    );
  }
}

/** Runs it again and again until it passes or its time-out is over; the last outcome counts. */
export async function untilPassed(spec: CheckSpec, context: CheckContext): Promise<CheckOutcome> {
  const deadline = context.now() + spec.timeout;
  for (;;) {
    const timeout = Math.max(500, Math.min(TRY, deadline - context.now()));
    const outcome = await runCheck({ ...spec, timeout }, context);
    if (outcome.passed || context.now() + PAUSE >= deadline) return outcome;
    await pause(PAUSE, context.signal);
  }
}

async function checkOnce(spec: CheckSpec, context: CheckContext): Promise<CheckOutcome> {
  const { cluster, signal } = context;
  const { timeout } = spec;
  const limits = { timeout, signal };
  switch (spec.kind) {
    case "pgpool": {
      const { nodes, primaries, maxDelay, write } = spec.settings;
      return await checkPgpool(await databaseAddress(cluster, spec.settings), {
        ...limits,
        nodes,
        primaries,
        maxDelay,
        write,
      });
    }
    case "pgbouncer":
      return await checkPgbouncer(await databaseAddress(cluster, spec.settings), {
        ...limits,
        maxWaiting: spec.settings.maxWaiting,
      });
    case "postgres":
      return await checkPostgres(await databaseAddress(cluster, spec.settings), {
        ...limits,
        write: spec.settings.write,
      });
    case "patroni":
      return await checkPatroni(spec.settings.members, {
        timeout,
        standbys: spec.settings.standbys,
        synchronous: spec.settings.synchronous,
      });
    case "sentinel": {
      const { master, replicas, passwordFrom } = spec.settings;
      const sentinels = await Promise.all(
        spec.settings.sentinels.map((one) => reach(cluster, one)),
      );
      return await checkSentinel({
        sentinels,
        master,
        replicas,
        timeout,
        password: await passwordOf(cluster, passwordFrom),
      });
    }
    case "http":
      return await checkHttp({ ...spec.settings, timeout });
    case "endpoints":
      return await checkEndpoints(needCluster(cluster), spec.settings);
    case "nodes":
      return await checkNodes(needCluster(cluster), spec.settings);
    case "etcd":
      return await checkEtcd(needCluster(cluster), { ...spec.settings, timeout });
    case "readyz":
      return await checkReadyz(needCluster(cluster), timeout);
  }
}
