/** The act of a drill: what is ended, and how it is put back when it does not come back by itself. */
import { OperatorError } from "../../errors.ts";
import { tailOf } from "../../sys/exec.ts";
import { readTextIfPresent } from "../../sys/files.ts";
import { UNINTERRUPTED } from "../../sys/host.ts";
import { processWith, signalProcess } from "../../sys/processes.ts";
import { nodeOf, podOf } from "../resolve/target.ts";
import type { Host } from "../../sys/host.ts";
import type { Cluster, Pod } from "../cluster.ts";
import type { KillSpec } from "../drill/schema.ts";
import type { Primary } from "../resolve/target.ts";

export interface Victim {
  /** For people: "pod db/pg-0", "k3s.service on s2". */
  readonly text: string;
  /** Labels of the pod or node, for the guard. */
  readonly labels: Readonly<Record<string, string>>;
  /** Throws an OperatorError `KILL_FAILED`. */
  kill(): Promise<void>;
  /** Puts back what does not come back by itself; safe to call when nothing was killed. */
  putBack(): Promise<void>;
}

export interface KillInput {
  readonly host: Host;
  readonly cluster: Cluster | undefined;
  readonly namespace: string | undefined;
  readonly primary: Primary;
}

const SIGNALS = { KILL: "SIGKILL", TERM: "SIGTERM", INT: "SIGINT" } as const;

const nothing = (): Promise<void> => Promise.resolve();

/** Finds out what would be killed; kills nothing yet. */
export async function victimOf(spec: KillSpec, input: KillInput): Promise<Victim> {
  switch (spec.method) {
    case "pod-delete":
    case "pod-signal":
      return await podVictim(spec, input);
    case "node-drain":
      return await nodeVictim(spec, input);
    case "service-stop":
    case "service-kill":
    case "server-off":
      return serviceVictim(spec, input);
    case "process":
      return processVictim(spec, input);
  }
}

function requireCluster(cluster: Cluster | undefined): Cluster {
  if (cluster !== undefined) return cluster;
  throw new OperatorError(
    "precondition",
    "NO_CLUSTER",
    "this drill kills a pod or node, and no cluster is at hand",
    {
      hint: "run it on a K3s server",
    },
  );
}

async function kubectl(cluster: Cluster, args: readonly string[], timeout: number): Promise<void> {
  const { host, server } = cluster;
  const command = [server.k3s, "kubectl", ...args, `--kubeconfig=${server.kubeconfig}`];
  const result = await host.run(command, {
    env: { K3S_DATA_DIR: server.dataDir },
    timeout,
    signal: UNINTERRUPTED,
  });
  if (result.exitCode !== 0) throw failed(tailOf(result));
}

function failed(reason: string): OperatorError {
  return new OperatorError("precondition", "KILL_FAILED", `it could not be killed (${reason})`);
}

async function podVictim(
  spec: Extract<KillSpec, { method: "pod-delete" | "pod-signal" }>,
  input: KillInput,
): Promise<Victim> {
  const cluster = requireCluster(input.cluster);
  const namespace = input.namespace ?? "default";
  const pod: Pod = await podOf(cluster, { namespace, primary: input.primary });
  const where = `--namespace=${namespace}`;
  const kill = (): Promise<void> => {
    if (spec.method === "pod-delete") {
      const grace = Math.round(spec.gracePeriod / 1000);
      const force = grace === 0 ? ["--force"] : [];
      return kubectl(
        cluster,
        ["delete", "pod", pod.name, where, `--grace-period=${grace}`, ...force, "--wait=false"],
        60_000,
      );
    }
    const container = spec.container === undefined ? [] : [`--container=${spec.container}`];
    // kill is a word of every shell; a container need not have the program.
    const word = `kill -${spec.signal} ${spec.process}`;
    return kubectl(
      cluster,
      ["exec", pod.name, where, ...container, "--", "sh", "-c", word],
      60_000,
    );
  };
  return { text: `pod ${namespace}/${pod.name}`, labels: pod.labels, kill, putBack: nothing };
}

async function nodeVictim(
  spec: Extract<KillSpec, { method: "node-drain" }>,
  input: KillInput,
): Promise<Victim> {
  const cluster = requireCluster(input.cluster);
  const namespace = input.namespace;
  const found =
    (await nodeOf(cluster, input.primary)) ??
    (namespace === undefined
      ? undefined
      : await nodeOf(cluster, {
          ...input.primary,
          name: (await podOf(cluster, { namespace, primary: input.primary })).node,
        }));
  if (found === undefined) {
    throw new OperatorError(
      "precondition",
      "NODE_NOT_FOUND",
      `no node belongs to the primary ${input.primary.name}`,
    );
  }
  const grace = Math.round(spec.gracePeriod / 1000);
  return {
    text: `node ${found.name}`,
    labels: found.labels,
    kill: () =>
      kubectl(
        cluster,
        [
          "drain",
          found.name,
          "--ignore-daemonsets",
          "--delete-emptydir-data",
          "--force",
          `--grace-period=${grace}`,
        ],
        300_000,
      ),
    putBack: () => kubectl(cluster, ["uncordon", found.name], 60_000),
  };
}

function serviceVictim(
  spec: Extract<KillSpec, { method: "service-stop" | "service-kill" | "server-off" }>,
  { host, primary }: KillInput,
): Victim {
  // The words before the command that bring it to the server; `{name}` and `{host}` are the primary's.
  const prefix = (spec.through ?? []).map((word) =>
    word.replaceAll("{name}", primary.name).replaceAll("{host}", primary.host),
  );
  const run = async (command: readonly string[]): Promise<void> => {
    const result = await host.run([...prefix, ...command], {
      timeout: 120_000,
      signal: UNINTERRUPTED,
    });
    if (result.exitCode !== 0) throw failed(`${command.join(" ")}: ${tailOf(result)}`);
  };
  const on = prefix.length === 0 ? "" : ` on ${primary.name}`;
  if (spec.method === "server-off") {
    return {
      text: `the whole server${on === "" ? " this runs on" : ` ${primary.name}`}`,
      labels: {},
      // No goodbye to anybody: as when its power fails. The connection dies with it, so the exit code says nothing.
      kill: async () => {
        await host.run([...prefix, "systemctl", "poweroff", "--force", "--force"], {
          timeout: 15_000,
          signal: UNINTERRUPTED,
        });
      },
      putBack: nothing,
    };
  }
  const { unit } = spec;
  const kills =
    spec.method === "service-stop"
      ? [["systemctl", "stop", unit]]
      : [
          // Masked for this boot, so that Restart= does not bring it back before anybody has noticed.
          ...(spec.keepDown ? [["systemctl", "mask", "--runtime", unit]] : []),
          ["systemctl", "kill", "--kill-whom=all", `--signal=${spec.signal}`, unit],
        ];
  const backs =
    spec.method === "service-kill" && spec.keepDown
      ? [
          ["systemctl", "unmask", "--runtime", unit],
          ["systemctl", "start", "--no-block", unit],
        ]
      : [["systemctl", "start", "--no-block", unit]];
  return {
    text: `${unit}${on}`,
    labels: {},
    kill: async () => {
      for (const command of kills) await run(command);
    },
    putBack: async () => {
      for (const command of backs) await run(command);
    },
  };
}

function processVictim(
  spec: Extract<KillSpec, { method: "process" }>,
  { primary }: KillInput,
): Victim {
  const file = spec.pidFile
    .replaceAll("{name}", primary.name)
    .replaceAll("{host}", primary.host)
    .replaceAll("{port}", String(primary.port ?? ""));
  return {
    text: `the process of ${file}`,
    labels: {},
    async kill() {
      const pid = Number((await readTextIfPresent(file))?.split("\n")[0]?.trim());
      if (!Number.isInteger(pid) || pid < 2 || (await processWith(pid)) === undefined) {
        throw failed(`${file} names no running process`);
      }
      signalProcess(pid, SIGNALS[spec.signal]);
    },
    putBack: nothing,
  };
}
