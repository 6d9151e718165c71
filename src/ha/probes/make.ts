/** The probe a drill file asks for. */
import { databaseAddress, passwordOf, reach } from "../addresses.ts";
import { httpProbe } from "./http.ts";
import { kubernetesProbe } from "./kubernetes.ts";
import { redisProbe } from "./redis.ts";
import { sqlProbe } from "./sql.ts";
import type { Cluster } from "../cluster.ts";
import type { ProbeSpec } from "../drill/probe-schema.ts";
import type { Probe } from "./probe.ts";

export async function makeProbe(
  spec: ProbeSpec,
  input: {
    readonly cluster: Cluster | undefined;
    readonly run: string;
    readonly signal: AbortSignal;
  },
): Promise<Probe> {
  const { cluster, run, signal } = input;
  const { interval, timeout } = spec;
  switch (spec.kind) {
    case "sql":
      return sqlProbe({
        address: await databaseAddress(cluster, spec),
        interval,
        timeout,
        run,
        signal,
      });
    case "redis":
      return redisProbe({
        address: spec.via === undefined ? undefined : await reach(cluster, spec.via),
        sentinels: await Promise.all((spec.sentinels ?? []).map((one) => reach(cluster, one))),
        master: spec.master,
        password: await passwordOf(cluster, spec.passwordFrom),
        interval,
        timeout,
        run,
      });
    case "http":
      return httpProbe({ ...spec, host: spec.host });
    case "kubernetes":
      return await kubernetesProbe({ ...spec, cluster, run });
  }
}
