/** The bare server that benchmarks run on: a cluster whose snapshot is as large as wanted, made of what clusters hold. */
import { ARCHIVES, KEY_FILE, PROGRAM, giveKey, makeWorkload } from "../e2e/workload.ts";
import { startBareServer } from "../lab/server.ts";
import type { BareServer } from "../lab/server.ts";

export interface BenchServer extends AsyncDisposable {
  readonly server: BareServer;
  readonly recipient: string;
  /** Milliseconds a command took; throws when it fails. */
  time(command: string): Promise<number>;
}

const MIB = 1024 * 1024;

/** Half of the bytes hardly compress (helm's gzipped records), half are text like manifests (facts: performance.md). */
export async function startBenchServer(megabytes: number): Promise<BenchServer> {
  const server = await startBareServer({ tools: ["age", "zstd", "tar", "etcdctl"] });
  const { recipient } = await giveKey(server);
  await makeWorkload(server);
  await fill(server, megabytes * MIB);
  return {
    server,
    recipient,
    async time(command) {
      const started = performance.now();
      await server.must(command, { timeout: 600_000 });
      return performance.now() - started;
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

async function fill(server: BareServer, bytes: number): Promise<void> {
  const value = 1_000_000;
  const count = Math.ceil(bytes / value / 2);
  await server.must(
    `cd /var/lib/rancher/k3s/server/tls/etcd
     put() { /usr/local/bin/etcdctl --endpoints https://127.0.0.1:2379 --cacert server-ca.crt --cert client.crt --key client.key put "$1" > /dev/null; }
     for number in $(seq ${count}); do
       head -c ${(value * 3) / 4} /dev/urandom | base64 -w0 | put /railiance-bench/dense/$number
       { cat /usr/share/common-licenses/* /etc/services /etc/protocols; seq $number 90000; } 2>/dev/null | head -c ${value} | put /railiance-bench/text/$number
     done`,
    { timeout: 600_000 },
  );
}

export { ARCHIVES, KEY_FILE, PROGRAM };
