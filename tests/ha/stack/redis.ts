/** A Redis master with two replicas and three sentinels, as processes. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "./ports.ts";
import { until, workplace } from "./programs.ts";
import type { Workplace } from "./programs.ts";

export const MASTER = "store";
export const PASSWORD = "right";

export interface RedisStack extends AsyncDisposable {
  readonly work: Workplace;
  /** Ports: the first server is the first master. */
  readonly servers: readonly number[];
  readonly sentinels: readonly number[];
  readonly passwordFile: string;
  /** Ends a sentinel or server with SIGKILL. */
  kill(port: number): void;
}

const USER = { user: "redis" };

/** Ready when each sentinel knows two replicas and two other sentinels. */
export async function startRedis(): Promise<RedisStack> {
  const work = workplace("redis");
  try {
    const ports: number[] = [];
    while (ports.length < 6) {
      const port = await freePort();
      if (!ports.includes(port)) ports.push(port);
    }
    const [servers, sentinels] = [ports.slice(0, 3), ports.slice(3)];
    const passwordFile = join(work.folder, "password");
    writeFileSync(passwordFile, `${PASSWORD}\n`, { mode: 0o600 });
    const processes = new Map<number, ReturnType<Workplace["start"]>>();
    const start = (port: number, config: readonly string[], mode: readonly string[]): void => {
      const path = join(work.folder, `redis-${port}.conf`);
      writeFileSync(path, `${[...common(work, port), ...config].join("\n")}\n`, { mode: 0o666 });
      work.run(["chown", "redis:redis", path]);
      processes.set(port, work.start(`redis-${port}`, ["redis-server", path, ...mode], USER));
    };
    const [first = 0] = servers;
    for (const port of servers) start(port, serverConfig(port === first ? undefined : first), []);
    for (const port of sentinels) start(port, sentinelConfig(first), ["--sentinel"]);
    for (const port of sentinels) {
      await until(`the sentinel on ${port}`, () => {
        const answer = work.run(["redis-cli", "-p", String(port), "sentinel", "master", MASTER]);
        return /num-slaves\n2\nnum-other-sentinels\n2\n/.test(answer);
      });
    }
    return {
      work,
      servers,
      sentinels,
      passwordFile,
      kill: (port) => void processes.get(port)?.kill("SIGKILL"),
      [Symbol.asyncDispose]: () => work[Symbol.asyncDispose](),
    };
  } catch (error) {
    await work[Symbol.asyncDispose]();
    throw error;
  }
}

function common({ folder }: Workplace, port: number): string[] {
  return [
    `port ${port}`,
    "bind 127.0.0.1",
    `dir ${folder}`,
    `pidfile ${folder}/redis-${port}.pid`,
    "daemonize no",
  ];
}

/** A master without a replica refuses writes: what it took alone would be lost with it. */
function serverConfig(master: number | undefined): string[] {
  return [
    'save ""',
    "appendonly no",
    `requirepass ${PASSWORD}`,
    `masterauth ${PASSWORD}`,
    "repl-diskless-sync-delay 0",
    "repl-ping-replica-period 1",
    "min-replicas-to-write 1",
    "min-replicas-max-lag 5",
    ...(master === undefined ? [] : [`replicaof 127.0.0.1 ${master}`]),
  ];
}

function sentinelConfig(master: number): string[] {
  return [
    `sentinel monitor ${MASTER} 127.0.0.1 ${master} 2`,
    `sentinel auth-pass ${MASTER} ${PASSWORD}`,
    `sentinel down-after-milliseconds ${MASTER} 1000`,
    `sentinel failover-timeout ${MASTER} 10000`,
  ];
}

/** The check of this stack for `ha smoke`; a drill has the same as its steady state. */
export function redisCheck({ sentinels, passwordFile }: RedisStack, replicas: number): string {
  const list = sentinels.map((port) => `"127.0.0.1:${port}"`).join(", ");
  return `{id: store, timeout: 20s, sentinel: {sentinels: [${list}], master: ${MASTER}, replicas: ${replicas}, passwordFrom: {file: "${passwordFile}"}}}`;
}
