/** Writes ConfigMaps through whichever API server acknowledges, as a client behind a balancer would. */
import { parse } from "yaml";
import { OperatorError } from "../../errors.ts";
import { field, itemsIn } from "../../k3s/json.ts";
import { readTextIfPresent } from "../../sys/files.ts";
import { http2Request } from "../../sys/http2.ts";
import type { Cluster } from "../cluster.ts";
import type { Probe } from "./probe.ts";

export interface KubernetesProbeOptions {
  readonly cluster: Cluster | undefined;
  /** `https://10.0.0.1:6443`, … */
  readonly servers: readonly string[];
  readonly namespace: string;
  readonly interval: number;
  readonly timeout: number;
  readonly run: string;
}

interface Credentials {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

const LABEL = "railiance.io/drill-run";

/** An answer with another status, as an error of a probe. */
class Refused extends Error {
  readonly code: string;
  constructor(status: number) {
    super("another status");
    this.code = `HTTP ${status}`;
  }
}

export async function kubernetesProbe(options: KubernetesProbeOptions): Promise<Probe> {
  const credentials = await readCredentials(options.cluster);
  const path = `/api/v1/namespaces/${options.namespace}/configmaps`;
  const selector = `labelSelector=${encodeURIComponent(`${LABEL}=${options.run}`)}`;
  /** The server that answered last is asked first, as a kept connection would. */
  let first = 0;
  const send = async (method: string, query: string, body?: unknown) => {
    let failure: unknown;
    for (let turn = 0; turn < options.servers.length; turn += 1) {
      const index = (first + turn) % options.servers.length;
      try {
        const answer = await http2Request(`${options.servers[index] ?? ""}${path}${query}`, {
          method,
          timeout: options.timeout,
          ...credentials,
          headers: { "content-type": "application/json", accept: "application/json" },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        });
        // A server without its datastore answers 500: the next one may have it.
        if (answer.status >= 500) throw new Refused(answer.status);
        first = index;
        return answer;
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  };
  const create = async (sequence: number): Promise<number> => {
    const metadata = {
      name: `railiance-drill-${options.run}-${sequence}`,
      labels: { [LABEL]: options.run },
    };
    const answer = await send("POST", "", {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata,
      data: { sequence: String(sequence) },
    });
    return answer.status;
  };
  return {
    writes: true,
    holds: false,
    interval: options.interval,
    timeout: options.timeout * options.servers.length,
    async prepare() {
      const status = await create(0);
      if (status === 201) return;
      throw new OperatorError(
        "precondition",
        "PROBE_CANNOT_WRITE",
        `the API server answers ${status} to a ConfigMap in ${options.namespace}`,
        {
          hint: "nothing was killed; does the namespace exist?",
        },
      );
    },
    open: () =>
      Promise.resolve({
        async attempt(sequence: number) {
          const status = await create(sequence);
          // 409: an earlier try of the same attempt was carried out before its answer was lost.
          if (status !== 201 && status !== 409) throw new Refused(status);
        },
        [Symbol.asyncDispose]: () => Promise.resolve(),
      }),
    async present() {
      const answer = await send("GET", `?${selector}`);
      const list: unknown = JSON.parse(answer.body);
      return new Set(itemsIn(list).map((item) => Number(field(field(item, "data"), "sequence"))));
    },
    async clear() {
      await send("DELETE", `?${selector}`);
    },
  };
}

/** The administrator's certificate out of K3s's kubeconfig. */
async function readCredentials(cluster: Cluster | undefined): Promise<Credentials> {
  const path = cluster?.server.kubeconfig;
  const text = path === undefined ? undefined : await readTextIfPresent(path);
  if (text === undefined) {
    throw new OperatorError(
      "precondition",
      "NO_CLUSTER",
      "this drill writes to the cluster, and no kubeconfig is at hand",
      {
        hint: "run it on a K3s server",
      },
    );
  }
  const value: unknown = parse(text);
  const first = (name: string): unknown => {
    const list = field(value, name);
    return Array.isArray(list) ? list[0] : undefined;
  };
  const data = (of: unknown, name: string): string => {
    const encoded = field(of, name);
    return typeof encoded === "string" ? Buffer.from(encoded, "base64").toString("utf8") : "";
  };
  const user = field(first("users"), "user");
  return {
    ca: data(field(first("clusters"), "cluster"), "certificate-authority-data"),
    certificate: data(user, "client-certificate-data"),
    key: data(user, "client-key-data"),
  };
}
